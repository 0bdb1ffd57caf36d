/**
 * What subgraphs say of the values that they were given, in the client's words: literals reach them as variables
 * (`gateway/plan/literals.ts`), of which no client has heard.
 */
import { GraphQLError, type ValueNode } from 'graphql';
import type { NormalisedOperation } from '#gateway/plan/normalise.ts';
import { shortened } from '#gateway/plan/variables.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';

type Names = Pick<NormalisedOperation, 'literalPlaces' | 'variableNames'>;

/** How servers quote names. */
const QUOTE = `["'\`“”‘’]?`;
/** A value written in the operation itself, as graphql-js and who learned from it refuse it. */
const BAD_LITERAL = /^(Argument "[^"]+" |Expected value of type "[^"]+", found )/;
/** Codes that say nothing of who is to mend it. */
const VAGUE: readonly unknown[] = [undefined, 'INTERNAL_SERVER_ERROR', 'GRAPHQL_VALIDATION_FAILED'];

export class ClientValues {
  readonly #names: Names;
  #patterns: Patterns | undefined;

  constructor(names: Names) {
    this.#names = names;
  }

  /**
   * Errors of a subgraph, in which variables have the client's names, and literals those of their arguments. What
   * refuses a value is `BAD_USER_INPUT`, whatever the subgraph calls it.
   */
  named(errors: readonly GraphQLError[]): readonly GraphQLError[] {
    return errors.map((error) => this.#name(error));
  }

  #name(error: GraphQLError): GraphQLError {
    if (BAD_LITERAL.test(error.message) && VAGUE.includes(error.extensions.code))
      return refused(error, error.message, error.path, undefined, error.originalError);
    // Of variables that do not fit servers tell before they run anything: at no field. Some name the variable as a path.
    const [first, named] = error.path ?? [];
    if (first !== undefined && first !== 'variable') return error;
    const of = typeof named === 'string' ? this.#meaning(named) : undefined;
    if (of !== undefined) {
      const where = inside(error.path!.slice(2));
      const message = `${capital(of.said)} got an invalid value${where === '' ? '' : ` at "${of.path}${where}"`}: ${error.message}`;
      return refused(error, message, undefined, of.node);
    }
    return first === undefined ? this.#nameIn(error) : error;
  }

  #nameIn(error: GraphQLError): GraphQLError {
    const { at, variable, bare } = (this.#patterns ??= patternsOf(this.#names));
    let met: Meaning | undefined;
    const replaced = (name: string, said: (meaning: Meaning) => string, otherwise: string): string => {
      const meaning = this.#meaning(name);
      if (meaning === undefined) return otherwise;
      met ??= meaning;
      return said(meaning);
    };
    const message = error.message
      .replace(at, (all, before: string, name: string) => replaced(name, ({ path }) => `${before}${path}`, all))
      .replace(variable, (all, name: string) =>
        replaced(name, ({ said }) => (all.startsWith('V') ? capital(said) : said), all),
      )
      .replace(bare, (all, name: string) => replaced(name, ({ said }) => said, all));
    // What was kept back of a subgraph's own words is for the log.
    const kept = error.originalError instanceof CodedError ? error.originalError : undefined;
    if (met !== undefined) return refused(error, message, undefined, met.node, kept);
    return /^Variable ["'`]?\$/.test(message) ? refused(error, message, undefined, undefined, kept) : error;
  }

  #meaning(name: string): Meaning | undefined {
    const clientName = this.#names.variableNames.get(name);
    if (clientName !== undefined) return { said: `variable "$${clientName}"`, path: clientName };
    const places = this.#names.literalPlaces.get(name);
    if (places === undefined) return undefined;
    const said = [...new Set(places.map(({ field, argument }) => `"${argument}" of "${field}"`))];
    const rest = said.length > 3 ? ` and ${said.length - 3} more` : '';
    return {
      said: `argument ${said.slice(0, 3).join(' and ')}${rest}`,
      path: places[0]!.argument,
      node: places[0]!.node,
    };
  }
}

interface Meaning {
  /** Such as `argument "first" of "Query.documents"`. */
  readonly said: string;
  /** What stands in the place of the variable's name where a message leads into its value. */
  readonly path: string;
  /** The literal. */
  readonly node?: ValueNode;
}

/** Ways in which messages name variables. */
interface Patterns {
  /** Where they lead into a value: `at "_0.tags[1]"`. */
  readonly at: RegExp;
  readonly variable: RegExp;
  readonly bare: RegExp;
}

function patternsOf({ literalPlaces, variableNames }: Names): Patterns {
  const names = [...literalPlaces.keys(), ...variableNames.keys()].join('|') || '(?!)';
  return {
    at: new RegExp(`(\\bat ${QUOTE}(?:value\\.)?)\\$?(${names})(?=[.[\\s"'\`:]|$)`, 'g'),
    variable: new RegExp(`\\bvariable:? ${QUOTE}\\$?(${names})(?!\\w)${QUOTE}`, 'gi'),
    bare: new RegExp(`${QUOTE}\\$(${names})(?!\\w)${QUOTE}`, 'g'),
  };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** What of a path leads into a value, as messages write it. */
const inside = (path: readonly (string | number)[]): string =>
  path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');

/** @param originalError what a client may not see of it: nothing, where a scalar says what is wrong with a value */
function refused(
  error: GraphQLError,
  message: string,
  path: GraphQLError['path'],
  node?: Meaning['node'],
  originalError?: GraphQLError['originalError'],
): GraphQLError {
  return new GraphQLError(shortened(message), {
    nodes: node ?? error.nodes,
    path,
    originalError,
    extensions: { ...error.extensions, code: 'BAD_USER_INPUT' },
  });
}
