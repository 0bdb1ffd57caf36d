/** What requests of agents have in common, whatever they speak: who asks is verified and counted, and given the tools that are allowed. */
import { parse, validate, type GraphQLSchema } from 'graphql';
import type { BudgetLimits } from '#subgraphs/shared/budget.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { isApiKey } from '#gateway/auth/api-keys.ts';
import type { Authenticator } from '#gateway/auth/authenticator.ts';
import { sharedAmong, type Caller, type Operations } from '#gateway/admission/operations.ts';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { BodyLimits } from '#gateway/http/body.ts';
import type { Exchange } from '#gateway/http/exchange.ts';
import type { RequestLimits } from '#gateway/limits/request-limits.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { Calls, type CallsOptions } from './calls.ts';
import type { Capability } from './capabilities.ts';
import { operationTools, type OperationTool } from './operation-tools.ts';
import { dataSchemaOf, type JsonSchema } from './output-schemas.ts';
import type { SchemaSearch } from './schema-search.ts';
import { agentTools, operationsAsTools, type AgentTool } from './tools.ts';

/** Bounds are said in `AGENTS` (gateway/bounds/agents.ts), with their defaults. */
export interface AgentOptions extends Partial<BoundValues<typeof AGENTS>> {
  operations: Operations;
  /** The API schema that serves now. */
  schema(): GraphQLSchema;
  /** @throws CodedError `UNAUTHENTICATED` */
  authenticate: Authenticator['authenticate'];
  /** Search over a schema. */
  search(schema: GraphQLSchema): SchemaSearch;
  /** What agents may do; each tool that changes something asks for its scope all the same. @default they read */
  capabilities?: ReadonlySet<Capability>;
  /** Texts of operations that are tools too. @default none */
  listed?: (() => readonly string[] | undefined) | undefined;
  /** Who may see what of the schema no list of operations tells. @default everybody */
  mayExplore?: ((caller: Pick<Caller, 'principal' | 'requestId' | 'address'>) => boolean) | undefined;
  body: BodyLimits;
  /** Of callers and their tenants: each message counts. @default none */
  limits?: Pick<RequestLimits, 'operation' | 'further'> | undefined;
  /** What an answer may come to; those to one request may together come to `answerBytes` at the most. */
  budget: BudgetLimits;
  log: Logger;
}

/** As the audit log has it that a caller may not see the schema. */
export const SEARCH_REFUSED = { action: 'search_schema', code: 'QUERY_NOT_IN_SAFELIST' } as const;

const READING: ReadonlySet<Capability> = new Set(['read']);

export class AgentRequests {
  readonly body: BodyLimits;
  readonly log: Logger;
  readonly #options: AgentOptions;
  readonly #capabilities: ReadonlySet<Capability>;
  readonly #budget: BudgetLimits;
  readonly #page: CallsOptions['page'];
  #listed:
    | { readonly texts: readonly string[]; readonly schema: GraphQLSchema; readonly tools: readonly OperationTool[] }
    | undefined;
  readonly #fitting = new WeakMap<GraphQLSchema, Map<string, boolean>>();
  readonly #data = new WeakMap<GraphQLSchema, Map<string, JsonSchema | undefined>>();

  constructor(options: AgentOptions) {
    this.body = options.body;
    this.log = options.log;
    this.#options = options;
    this.#capabilities = options.capabilities ?? READING;
    this.#budget = {
      ...options.budget,
      bytes: Math.min(options.budget.bytes, options.answerBytes ?? AGENTS.answerBytes),
    };
    const most = options.longestPage ?? AGENTS.longestPage;
    this.#page = { usual: Math.min(options.pageCharacters ?? AGENTS.pageCharacters, most), most };
  }

  /**
   * Verifies who asks, and counts his request.
   * @param explain what is told to whom nobody knows @default what was thrown
   * @throws CodedError `UNAUTHENTICATED`, `RATE_LIMITED`
   */
  async arrive(exchange: Exchange, explain: (error: unknown) => unknown = (error) => error): Promise<void> {
    const { request, address, tellQuotas } = exchange;
    const principal = (exchange.principal = await this.#options
      .authenticate(request.headers.authorization, request)
      .catch((error: unknown) => {
        throw explain(error);
      }));
    await this.#options.limits?.operation({ principal, address }, tellQuotas);
  }

  /**
   * What somebody who has arrived can do, by so many messages.
   * @throws CodedError `RATE_LIMITED`
   */
  async calls(exchange: Exchange, messages: number): Promise<Calls> {
    const { requestId, signal, address, tellQuotas, span } = exchange;
    const principal = exchange.principal!;
    await this.#options.limits?.further({ principal, address }, messages - 1, tellQuotas);
    // A token or key for this server is not passed on to others, whatever headers are (MCP's rule against passthrough).
    const { authorization: _, 'x-api-key': apiKey, ...others } = exchange.request.headers;
    const headers = typeof apiKey === 'string' && !isApiKey(apiKey) ? { ...others, 'x-api-key': apiKey } : others;
    return this.callsOf({
      principal,
      address,
      span,
      tellQuotas,
      requestId,
      signal,
      headers,
      ...sharedAmong(Math.max(messages, 1), this.#budget),
    });
  }

  /** What a caller can do whom somebody else has verified. */
  callsOf(caller: Caller): Calls {
    return new Calls(
      {
        ...this.#options,
        page: this.#page,
        search: () => this.#options.search(this.#options.schema()),
        fits: (operation) => this.#fits(operation),
        dataOf: (operation) => this.#dataOf(operation),
        mayExplore: () => this.#options.mayExplore?.(caller) !== false,
      },
      caller,
    );
  }

  /** Those listed operations that only read, as tools. */
  listedTools(calls: Calls): AgentTool[] {
    return operationsAsTools(calls, READING, this.#operations(agentTools(calls, this.#capabilities)));
  }

  tools(calls: Calls): AgentTool[] {
    const tools = agentTools(calls, this.#capabilities);
    return [...tools, ...operationsAsTools(calls, this.#capabilities, this.#operations(tools))];
  }

  /** Those listed operations that are tools, as the schema and the lists are now. */
  #operations(others: readonly AgentTool[]): readonly OperationTool[] {
    const texts = this.#options.listed?.() ?? [];
    if (texts.length === 0) return [];
    const schema = this.#options.schema();
    if (this.#listed?.texts !== texts || this.#listed.schema !== schema) {
      // An agent of AG-UI that is called `tools` is run at `/agents/tools/run`.
      const taken = new Set([...others.map(({ name }) => name), 'run']);
      const { tools, left } = operationTools(schema, texts, taken);
      for (const each of left) this.log.warn(each, 'A listed operation is no tool of agents.');
      this.#listed = { texts, schema, tools };
    }
    return this.#listed.tools;
  }

  #fits(operation: string): boolean {
    return this.#once(this.#fitting, operation, (schema) => validate(schema, parse(operation)).length === 0);
  }

  #dataOf(operation: string): JsonSchema | undefined {
    return this.#once(this.#data, operation, (schema) => dataSchemaOf(schema, parse(operation)));
  }

  /** What is worked out once of each of the tools' own operations, for each schema. */
  #once<Value>(
    kept: WeakMap<GraphQLSchema, Map<string, Value>>,
    operation: string,
    make: (schema: GraphQLSchema) => Value,
  ): Value {
    const schema = this.#options.schema();
    const known = kept.get(schema) ?? new Map<string, Value>();
    kept.set(schema, known);
    if (!known.has(operation)) known.set(operation, make(schema));
    return known.get(operation)!;
  }
}
