/**
 * Operations by their text: parsed, bounded and validated once, however often they are sent. Only what is valid is
 * kept, so that nobody can push it out with rubbish.
 */
import { LRUCache } from 'lru-cache';
import { GraphQLError, parse, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import { shortened } from '#gateway/plan/variables.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { checkDocument, tooDeep, type OperationLimits } from './limits.ts';
import { VALIDATION_RULES } from './subscription-root.ts';

/** An operation was refused before it began. */
export class OperationRefused extends Error {
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'The operation was refused.');
    this.name = 'OperationRefused';
    this.errors = errors;
  }
}

/** An error that refuses the operation as a whole. */
export function refusal(error: CodedError): OperationRefused {
  return new OperationRefused([
    new GraphQLError(error.message, { originalError: error, extensions: error.extensions }),
  ]);
}

export interface Documents {
  /**
   * The syntax tree of `text`, valid against `schema`.
   * @throws OperationRefused with `GRAPHQL_PARSE_FAILED`, `QUERY_TOO_DEEP`, `BAD_USER_INPUT` or
   *   `GRAPHQL_VALIDATION_FAILED`
   */
  admit(text: string, schema: GraphQLSchema): DocumentNode;
  /**
   * The same, whatever the schema: not validated.
   * @throws OperationRefused with `GRAPHQL_PARSE_FAILED`, `QUERY_TOO_DEEP` or `BAD_USER_INPUT`
   */
  parse(text: string): DocumentNode;
  /** Whether it was admitted before and is still kept. */
  knows(text: string, schema: GraphQLSchema): boolean;
}

interface Entry {
  document: DocumentNode;
  /** The schema against which it is known to be valid. */
  schema: GraphQLSchema;
}

/** @param limits of each; and how many are kept, and the length of their texts together */
export function documents(
  limits: OperationLimits & Partial<Pick<BoundValues<typeof ADMISSION>, 'cacheEntries' | 'cacheCharacters'>>,
): Documents {
  const { cacheEntries = ADMISSION.cacheEntries, cacheCharacters = ADMISSION.cacheCharacters } = limits;
  const cache = new LRUCache<string, Entry>({
    max: cacheEntries,
    maxSize: cacheCharacters,
    sizeCalculation: (_, text) => text.length + 1,
  });
  return {
    parse: (text) => cache.peek(text)?.document ?? parseBounded(text, limits),
    knows: (text, schema) => cache.peek(text)?.schema === schema,
    admit(text, schema) {
      const known = cache.get(text);
      if (known?.schema === schema) return known.document;
      const document = known?.document ?? parseBounded(text, limits);
      const errors = validate(schema, document, VALIDATION_RULES, { maxErrors: ADMISSION.errors });
      // graphql-js gives up on documents whose fields and fragments would take too many comparisons, without saying
      // why.
      if (errors.some(({ message }) => message === 'Validation aborted.')) {
        throw new OperationRefused([
          tooDeep('Too many fields or fragments of the operation meet in one place to be compared.'),
        ]);
      }
      if (errors.length > 0)
        throw new OperationRefused(errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')));
      cache.set(text, { document, schema });
      return document;
    },
  };
}

function parseBounded(text: string, limits: OperationLimits): DocumentNode {
  try {
    const document = parse(text, { maxTokens: limits.tokens });
    checkDocument(document, limits);
    return document;
  } catch (error) {
    if (error instanceof RangeError)
      throw new OperationRefused([tooDeep('The operation is nested too deeply to be read.')]);
    if (!(error instanceof GraphQLError)) throw error;
    if (error.extensions['code'] !== undefined) throw new OperationRefused([error]);
    if (/more that \d+ tokens/.test(error.message)) {
      throw new OperationRefused([tooDeep(`The operation has more than ${limits.tokens} tokens.`)]);
    }
    throw new OperationRefused([withCode(error, 'GRAPHQL_PARSE_FAILED')]);
  }
}

const withCode = (error: GraphQLError, code: string): GraphQLError =>
  new GraphQLError(shortened(error.message), {
    nodes: error.nodes,
    source: error.source,
    positions: error.positions,
    path: error.path,
    extensions: { ...error.extensions, code },
  });
