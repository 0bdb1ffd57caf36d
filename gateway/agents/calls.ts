/**
 * What tools do: they send operations through the same pipeline as every other transport, and answer with one page of what
 * comes of them. Whatever an operation may not do is told as a tool's error, which the model reads.
 */
import {
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import type { CallToolResult } from '@modelcontextprotocol/server';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { CodedError, type ErrorCode } from '#subgraphs/shared/errors.ts';
import { notInSafelist } from '#gateway/admission/persisted/operation-texts.ts';
import { OperationRefused } from '#gateway/admission/documents.ts';
import { isStream, type Caller, type Operations } from '#gateway/admission/operations.ts';
import { parseJson, type BodyLimits } from '#gateway/http/body.ts';
import { resultText } from '#gateway/respond/result-text.ts';
import { logFailure } from '#gateway/telemetry/log-failure.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { JsonSchema } from './output-schemas.ts';
import type { SchemaSearch } from './schema-search.ts';

/** A part of a text, in characters. */
export interface Page {
  readonly offset: number;
  readonly limit: number;
}

export interface OperationParameters {
  readonly query: string;
  readonly variables?: unknown;
  readonly operationName?: string;
}

/** What must be there for an operation to make sense, whose own store does not know of it. */
export interface Needed {
  /** Its `found` is null where there is none; what can be no name of one names none. */
  readonly query: string;
  readonly variables: Record<string, unknown>;
  otherwise(): CodedError;
}

export interface CallsOptions {
  readonly operations: Operations;
  /** The API schema that serves now. */
  schema(): GraphQLSchema;
  /** Search over it. */
  search(): SchemaSearch;
  /** Whether the schema has all that an operation asks for. */
  fits(operation: string): boolean;
  /** What its data are. */
  dataOf(operation: string): JsonSchema | undefined;
  /** Whether the caller may see what of the schema no list of operations tells. */
  mayExplore(): boolean;
  readonly body: BodyLimits;
  /** Characters of a page: where none are asked for, and at the most. */
  readonly page: { readonly usual: number; readonly most: number };
  readonly log: Logger;
}

/** What one caller's tools can do. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #caller: Caller;

  constructor(options: CallsOptions, caller: Caller) {
    this.#options = options;
    this.#caller = caller;
  }

  get page(): CallsOptions['page'] {
    return this.#options.page;
  }

  /** Fields and types by keywords, as SDL. */
  async search(keywords: string, limit: number): Promise<CallToolResult> {
    return await this.#telling(() => this.#exploring((search) => search.search(keywords, limit)));
  }

  /** A type, or a field of one, as SDL with its descriptions. */
  async describe(name: string, page: Page = this.#first): Promise<CallToolResult> {
    return await this.#telling(() => this.#exploring((search) => search.describe(name), page));
  }

  /** Whether an operation would run, without running it; and what it may cost. */
  async validate({ query, variables, operationName }: OperationParameters): Promise<CallToolResult> {
    return await this.#telling(async () => {
      const given = variablesOf(variables, this.#options.body);
      const operation = await this.#options.operations.admit(
        { query, variables: given, ...(operationName === undefined ? {} : { operationName }) },
        this.#caller,
      );
      operation.discard();
      const errors = given === undefined ? [] : this.#variableErrors(operation.document, operationName, given);
      if (errors.length > 0) return toToolResult({ errors }, this.#first, REST.errors);
      const valid = {
        valid: true,
        type: operation.type,
        ...(operation.cost === undefined ? {} : { cost: operation.cost }),
      };
      return { content: [{ type: 'text', text: JSON.stringify(valid) }], structuredContent: valid };
    });
  }

  /**
   * Runs one operation as the caller, and answers with one page of its result.
   * @param own whether it is the tool's operation, not the caller's, which no list of operations binds
   * @param needs what must be there first: a query whose `found` is null where it is not
   */
  async run(
    parameters: OperationParameters,
    {
      own = false,
      page = this.#first,
      type = 'query',
      needs,
    }: { own?: boolean; page?: Page | undefined; type?: 'query' | 'mutation'; needs?: Needed | undefined } = {},
  ): Promise<CallToolResult> {
    return await this.#telling(async () => {
      if (needs !== undefined && (await this.find(needs.query, needs.variables))['found'] == null)
        throw needs.otherwise();
      return toToolResult(await this.#resultOf(parameters, { own, type, asText: true }), page, REST[type]);
    });
  }

  /** Data as a tool answers them that has asked for them before: the first page of them. @param isError of what failed */
  answer(data: Readonly<Record<string, unknown>>, isError: boolean): CallToolResult {
    return { ...toToolResult({ data }, this.#first, REST.task), isError };
  }

  /** Whether the schema has all that the tool's own operation asks for. */
  fits(operation: string): boolean {
    return this.#options.fits(operation);
  }

  /** What the data of an operation that fits are. */
  dataOf(operation: string): JsonSchema | undefined {
    return this.#options.dataOf(operation);
  }

  /** The schema as text. @param described with its descriptions @throws CodedError where the caller may not see it */
  sdl(described: boolean): string {
    if (!this.#options.mayExplore()) throw notInSafelist();
    return this.#options.search().sdl(described);
  }

  /**
   * What an operation of the server itself reads as the caller.
   * @throws CodedError what an operation may not do, and the first error of one that reads nothing
   */
  async read(query: string, variables: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> {
    return await this.#dataOf(query, variables, 'query').catch(asCoded);
  }

  /** The same of what there may be none of: nothing where its name is not one that there could be. */
  async find(query: string, variables: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> {
    try {
      return await this.#dataOf(query, variables, 'query');
    } catch (error) {
      // What the gateway itself refuses is no name of anything, and no text either.
      if (error instanceof OperationRefused) return asCoded(error);
      if ((error as { extensions?: { code?: unknown } }).extensions?.code === 'BAD_USER_INPUT') return {};
      throw error;
    }
  }

  /** What a mutation of the server itself changes as the caller. @throws CodedError as {@link read} */
  async change(query: string, variables: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> {
    return await this.#dataOf(query, variables, 'mutation').catch(asCoded);
  }

  async #dataOf(
    query: string,
    variables: Record<string, unknown>,
    type: 'query' | 'mutation',
  ): Promise<Readonly<Record<string, unknown>>> {
    const asked = this.#resultOf({ query, variables }, { own: true, type, asText: false });
    const { data, errors } = await asked.catch((error: unknown) => {
      if (error instanceof OperationRefused || error instanceof CodedError) throw error;
      throw this.#failed('What a client of agents asked for failed.', error);
    });
    const [first] = errors ?? [];
    if (first !== undefined && isNothing(data)) throw codedOf(first);
    return data ?? {};
  }

  /**
   * What a subscription of the server itself tells the caller, event by event. Ending the iteration ends it.
   * @throws CodedError what it may not do, and the first error of an event
   */
  async *follow<Data>(query: string, variables: Record<string, unknown>): AsyncGenerator<Data, void, undefined> {
    const begin = async () =>
      await (
        await this.#options.operations.admit(
          { query, variables },
          { ...this.#caller, own: true, allow: ['subscription'] },
        )
      ).run();
    const result = await begin().catch(asCoded);
    for await (const { data, errors } of isStream(result) ? result : [result]) {
      const [first] = errors ?? [];
      if (first !== undefined) throw codedOf(first);
      yield data as Data;
    }
  }

  async #resultOf(
    parameters: OperationParameters,
    { own, type, asText }: { own: boolean; type: 'query' | 'mutation'; asText: boolean },
  ): Promise<ExecutionResult> {
    const variables = variablesOf(parameters.variables, this.#options.body);
    const operation = await this.#options.operations.admit(
      { ...parameters, variables },
      {
        ...this.#caller,
        own,
        asText,
        allow: [type],
        notAllowed: (given) =>
          new CodedError('FORBIDDEN', `A ${given} cannot be sent this way.`, { hint: HINTS[type] }),
      },
    );
    const result = await operation.run();
    // `@defer` and `@stream` are answered whole: parts are not asked for (`incremental`).
    if (isStream(result)) throw new TypeError('A query or a mutation was answered in parts, for which nobody asked.');
    return result;
  }

  get #first(): Page {
    return { offset: 0, limit: this.#options.page.usual };
  }

  async #exploring(look: (search: SchemaSearch) => string | Promise<string>, page?: Page): Promise<CallToolResult> {
    const { mayExplore, search } = this.#options;
    if (!mayExplore()) throw notInSafelist();
    const text = await look(search());
    return paged(text, page ?? { offset: 0, limit: text.length }, REST.query);
  }

  #variableErrors(document: DocumentNode, operationName: string | undefined, given: unknown): readonly GraphQLError[] {
    const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? [];
    const { errors = [] } = getVariableValues(this.#options.schema(), definitions, given as Record<string, unknown>);
    return errors.map(
      ({ message, extensions }) => new GraphQLError(message, { extensions: { ...extensions, code: 'BAD_USER_INPUT' } }),
    );
  }

  async #telling(work: () => Promise<CallToolResult>): Promise<CallToolResult> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof OperationRefused) return toToolResult({ errors: error.errors }, this.#first, REST.errors);
      if (error instanceof GraphQLError) return toToolResult({ errors: [error] }, this.#first, REST.errors);
      if (error instanceof CodedError)
        return toToolResult({ errors: [toGraphQLError(error)] }, this.#first, REST.errors);
      return toToolResult(
        { errors: [toGraphQLError(this.#failed('A tool failed.', error))] },
        this.#first,
        REST.errors,
      );
    }
  }

  /** What is told of what nobody could foresee. */
  #failed(what: string, error: unknown): CodedError {
    logFailure(this.#options.log, what, error, this.#caller);
    return new CodedError('INTERNAL_SERVER_ERROR', 'Something went wrong in the gateway.', {
      extensions: { requestId: this.#caller.requestId },
      cause: error,
    });
  }
}

const HINTS = {
  query:
    'This tool only reads. `mutate` changes things, where the server offers it; else send mutations and subscriptions to the GraphQL endpoint.',
  mutation: 'This tool sends mutations alone: send queries with `execute`, and subscriptions to the GraphQL endpoint.',
} as const;

/** How to have what a page has no room for; the page of a query says where it goes on. */
const REST = {
  query: (next: number) =>
    `Call again with \`offset\`: ${next} for the next, or ask for less: smaller \`first\`, fewer fields.`,
  mutation: () => 'The rest is left out, and calling again would do it again: read it by a query.',
  task: () => 'The rest is left out: read it by `execute`, such as { run(id: "…") { output } }.',
  errors: () => 'The rest is left out.',
} as const;
type Rest = (typeof REST)[keyof typeof REST];

/** The variables that a tool was called with: an object, JSON text of one, or what models write for none. */
function variablesOf(variables: unknown, limits: BodyLimits): unknown {
  if (typeof variables !== 'string') return variables ?? undefined;
  return variables.trim() === '' ? undefined : (parseJson(variables, limits, '`variables`') ?? undefined);
}

/** An error of an answer as that which it was. */
function codedOf({ message, extensions }: GraphQLError): CodedError {
  const { code, hint, ...others } = extensions;
  return new CodedError((code as ErrorCode | undefined) ?? 'INTERNAL_SERVER_ERROR', message, {
    ...(typeof hint === 'string' ? { hint } : {}),
    extensions: others,
  });
}

/** @throws what it was given; a refusal as the first error of it */
function asCoded(error: unknown): never {
  throw error instanceof OperationRefused ? codedOf(error.errors[0]!) : error;
}

const toGraphQLError = ({ message, extensions }: CodedError): GraphQLError => new GraphQLError(message, { extensions });

/** Whether nothing was answered: what failed is told as a tool's error, then. */
const isNothing = (data: ExecutionResult['data']): boolean =>
  data == null || Object.values(data).every((value) => value === null);

/** One page of the answer's text, and where the next one begins. What fits a page comes as data, too. */
function toToolResult(result: ExecutionResult, page: Page, rest: Rest): CallToolResult {
  const whole = resultText(result);
  const isError = result.errors !== undefined && isNothing((JSON.parse(whole) as ExecutionResult).data);
  if (page.offset > 0 || whole.length > page.limit || whole.length > AGENTS.structuredCharacters)
    return { ...paged(whole, page, rest), isError };
  return {
    content: [{ type: 'text', text: whole }],
    structuredContent: JSON.parse(whole) as Record<string, unknown>,
    isError,
  };
}

function paged(whole: string, { offset, limit }: Page, rest: Rest): CallToolResult {
  if (offset === 0 && whole.length <= limit)
    return { content: [{ type: 'text', text: whole }], structuredContent: { text: whole } };
  const start = wholeCharacter(whole, Math.min(offset, whole.length));
  const end = wholeCharacter(whole, Math.min(start + limit, whole.length));
  const text = whole.slice(start, end);
  const next = `Characters ${start} to ${end} of ${whole.length}. ${end < whole.length ? rest(end) : 'These are the last.'}`;
  return {
    content: [
      { type: 'text', text },
      { type: 'text', text: next },
    ],
    structuredContent: { text, next, ...(end < whole.length && rest === REST.query ? { nextOffset: end } : {}) },
  };
}

/** `at`, or the place before it where it would tear a character apart. */
function wholeCharacter(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return at > 0 && unit >= 0xdc00 && unit <= 0xdfff ? at - 1 : at;
}
