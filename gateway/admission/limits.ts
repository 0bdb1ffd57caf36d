/** Bounds on an operation, measured on its syntax tree before anything that costs more than reading it. */
import {
  GraphQLError,
  Kind,
  type ASTNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import { tooManyOverlaps } from './overlaps.ts';

export interface OperationLimits {
  /** Nesting of fields; root fields are at depth 1. */
  readonly depth: number;
  /** Lexical tokens of the text, and fields once fragments are written out. */
  readonly tokens: number;
  readonly aliases: number;
  readonly rootFields: number;
}

/**
 * Checks the document against `limits`. Fragments count where they are spread.
 * @throws GraphQLError `QUERY_TOO_DEEP`, or `BAD_USER_INPUT` for a text with a NUL character
 */
export function checkDocument(document: DocumentNode, limits: OperationLimits): void {
  const measure = new Measure(document, limits);
  for (const definition of document.definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) {
      for (const variable of definition.variableDefinitions ?? [])
        if (variable.defaultValue !== undefined) checkValue(variable.defaultValue);
      const { depth, aliases, fields, ownFields } = measure.selections(definition.selectionSet);
      exceeds('is nested', depth, limits.depth, 'levels deep', definition);
      exceeds('has', aliases, limits.aliases, 'aliases', definition);
      exceeds('has', ownFields, limits.rootFields, 'root fields', definition);
      exceeds('has', fields, limits.tokens, 'fields with its fragments written out', definition);
    } else if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      measure.fragment(definition.name.value); // Also those that nobody spreads: their literals are checked.
    }
  }
  const overlapping = tooManyOverlaps(document);
  if (overlapping !== undefined)
    throw tooDeep('Too many fields or fragments of the operation meet in one place to be compared.', overlapping);
}

/** `tooDeep` is also what stands for a parser that ran out of stack. */
export const tooDeep = (message: string, node?: ASTNode): GraphQLError =>
  new GraphQLError(message, { nodes: node, extensions: { code: 'QUERY_TOO_DEEP', hint: 'Split the operation.' } });

function exceeds(verb: string, count: number, limit: number, what: string, node: ASTNode): void {
  if (count > limit)
    throw tooDeep(
      `The operation ${verb} ${count === Infinity ? 'too many' : count} ${what}; at most ${limit} are accepted.`,
      node,
    );
}

interface Size {
  depth: number;
  aliases: number;
  /** Fields with fragments written out. */
  fields: number;
  /** Of these, the fields of the outermost selection set. */
  ownFields: number;
}

const NOTHING: Size = { depth: 0, aliases: 0, fields: 0, ownFields: 0 };

class Measure {
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #sizes = new Map<string, Size>();
  readonly #limits: OperationLimits;

  constructor(document: DocumentNode, limits: OperationLimits) {
    this.#limits = limits;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
    }
  }

  /** Each fragment is measured once, so that fragments which double one another cost nothing to measure. */
  fragment(name: string): Size {
    const known = this.#sizes.get(name);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return NOTHING; // Validation names it.
    this.#sizes.set(name, NOTHING); // A cycle ends here; validation names it too.
    const size = this.selections(fragment.selectionSet);
    this.#sizes.set(name, size);
    return size;
  }

  selections({ selections }: SelectionSetNode): Size {
    const total = { ...NOTHING };
    const names = new Map<string, number>();
    for (const selection of selections) {
      for (const directive of selection.directives ?? [])
        for (const argument of directive.arguments ?? []) checkValue(argument.value);
      if (selection.kind === Kind.FIELD) {
        for (const argument of selection.arguments ?? []) checkValue(argument.value);
        const inner = selection.selectionSet === undefined ? NOTHING : this.selections(selection.selectionSet);
        total.depth = Math.max(total.depth, inner.depth + 1);
        total.aliases += inner.aliases + (selection.alias === undefined ? 0 : 1);
        total.fields += inner.fields + 1;
        total.ownFields += 1;
        const name = selection.alias?.value ?? selection.name.value;
        const times = (names.get(name) ?? 0) + 1;
        // Validation compares each pair of fields that share a name, so a name that repeats costs the square.
        if (times > ADMISSION.repeats)
          throw tooDeep(
            `The field \`${name}\` is selected more than ${ADMISSION.repeats} times in one place.`,
            selection,
          );
        names.set(name, times);
      } else {
        const inner =
          selection.kind === Kind.FRAGMENT_SPREAD
            ? this.fragment(selection.name.value)
            : this.selections(selection.selectionSet);
        total.depth = Math.max(total.depth, inner.depth);
        total.aliases += inner.aliases;
        total.fields += inner.fields;
        total.ownFields += inner.ownFields;
      }
      if (total.fields > this.#limits.tokens) total.fields = Infinity; // Doubling fragments must not overflow into nonsense.
    }
    return total;
  }
}

function checkValue(value: ValueNode): void {
  const open: { value: ValueNode; depth: number }[] = [{ value, depth: 1 }];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    if (item.depth > ADMISSION.valueDepth)
      throw tooDeep(`A value is nested more than ${ADMISSION.valueDepth} levels deep.`, value);
    const depth = item.depth + 1;
    if (item.value.kind === Kind.LIST) for (const inner of item.value.values) open.push({ value: inner, depth });
    else if (item.value.kind === Kind.OBJECT)
      for (const field of item.value.fields) open.push({ value: field.value, depth });
    else if (item.value.kind === Kind.STRING && item.value.value.includes('\0'))
      throw nulCharacter('A text in the operation', item.value);
  }
}

/**
 * Checks what no input type may hold: NUL characters, which PostgreSQL cannot store, and nesting without end.
 * @returns whether there are numbers that are no doubles
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkVariables(variables: Readonly<Record<string, unknown>>): boolean {
  let hasExact = false;
  const open: { value: unknown; depth: number; variable: string }[] = Object.keys(variables).map((variable) => ({
    value: variables[variable],
    depth: 1,
    variable,
  }));
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    const { value, depth, variable } = item;
    if (typeof value === 'string') {
      if (value.includes('\0')) throw nulCharacter(`The variable $${variable}`);
    } else if (value instanceof ExactNumber) {
      hasExact = true;
    } else if (typeof value === 'object' && value !== null) {
      if (depth > ADMISSION.valueDepth)
        throw badUserInput(`The variable $${variable} is nested more than ${ADMISSION.valueDepth} levels deep.`);
      for (const key of Object.keys(value)) {
        if (key.includes('\0')) throw nulCharacter(`A key in the variable $${variable}`);
        open.push({ value: (value as Record<string, unknown>)[key], depth: depth + 1, variable });
      }
    }
  }
  return hasExact;
}

function nulCharacter(where: string, node?: ASTNode): Error {
  const message = `${where} contains the NUL character (U+0000), which no store can hold.`;
  return node === undefined
    ? new CodedError('BAD_USER_INPUT', message)
    : new GraphQLError(message, { nodes: node, extensions: { code: 'BAD_USER_INPUT' } });
}
