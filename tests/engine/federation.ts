/** Small supergraphs for tests: composed from type definitions and resolvers, every subgraph in this process. */
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse, validate, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { createEngine, createEngineOn, type Engine, type EngineOptions } from '#gateway/execute/engine.ts';
import type { SubgraphClient, SubgraphRequest } from '#gateway/execute/clients/subgraph-client.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { plannerInThread } from './random/planner.ts';
import { withoutOneOf } from '#gateway/plan/one-of.ts';
import { compose } from '#gateway/supergraph/compose.ts';
import { describe } from '#gateway/supergraph/findings.ts';
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';

export type Resolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { typeDefs: unknown }>['resolvers']
>;

export interface TestSubgraph {
  /** Without the `@link`, which is added. */
  typeDefs: string;
  resolvers?: object;
  /** Whether it is a schema of Federation 1, which has no `@link`. @default false */
  isFederation1?: boolean;
}

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@requires", "@provides", "@external", "@shareable", "@override", "@interfaceObject", "@inaccessible", "@tag", "@context", "@fromContext",
  "@cost", "@listSize",
  "@authenticated", "@requiresScopes", "@policy"
])`;

/** One call that a subgraph received. */
export interface Call {
  service: string;
  query: string;
  operationName: string | undefined;
  variables: Record<string, unknown>;
}

/** An engine over test subgraphs. */
export interface Federation extends AsyncDisposable {
  readonly engine: Engine;
  readonly schemas: ReadonlyMap<string, GraphQLSchema>;
  /** What the subgraphs were asked, in order; empty it to start again. */
  readonly calls: Call[];
  /** Runs an operation; throws when it is not valid. */
  run(
    source: string | DocumentNode,
    variables?: Record<string, unknown>,
    context?: RequestContext,
  ): Promise<ExecutionResult>;
}

export const testContext = (options: { signal?: AbortSignal; requestId?: string } = {}): RequestContext =>
  createRequestContext({ tenantId: 'test', subject: 'tester', roles: [], scopes: [] }, options);

/** Composes; throws with every fault. */
export function composeTest(subgraphs: Readonly<Record<string, TestSubgraph>>): string {
  const { supergraphSdl, errors } = compose(
    Object.entries(subgraphs).map(([name, subgraph]) => ({ name, url: '', origin: name, sdl: textOf(subgraph) })),
  );
  if (supergraphSdl === undefined) throw new Error(errors.map(describe).join('\n'));
  return supergraphSdl;
}

const textOf = ({ typeDefs, isFederation1 = false }: TestSubgraph): string =>
  isFederation1 ? typeDefs : `${LINK}\n${typeDefs}`;

export function subgraphSchema(subgraph: TestSubgraph): GraphQLSchema {
  return buildSubgraphSchema({
    // It knows nothing of `@oneOf`: so it is the gateway alone that enforces it.
    typeDefs: withoutOneOf(parse(textOf(subgraph))),
    resolvers: (subgraph.resolvers ?? {}) as Resolvers,
  });
}

/**
 * @param wrap changes a subgraph's client, such as into one that fails
 * @param inThread plans in this thread: saves the time to start a worker
 */
export async function federate(
  subgraphs: Readonly<Record<string, TestSubgraph>>,
  options: Partial<EngineOptions> & { wrap?: (client: SubgraphClient) => SubgraphClient; inThread?: boolean } = {},
): Promise<Federation> {
  const calls: Call[] = [];
  const schemas = new Map(Object.entries(subgraphs).map(([name, subgraph]) => [name, subgraphSchema(subgraph)]));
  const { wrap = (client) => client, inThread = false, ...engineOptions } = options;
  const clients = new Map(
    [...schemas].map(([name, schema]) => [name, recording(wrap(inProcessClient(name, schema)), calls)]),
  );
  const given = { supergraphSdl: composeTest(subgraphs), clients, ...engineOptions };
  const engine = inThread ? createEngineOn(plannerInThread(given.supergraphSdl), given) : await createEngine(given);
  return {
    engine,
    schemas,
    calls,
    run(source, variables, context = testContext()) {
      const document = typeof source === 'string' ? parse(source) : source;
      const faults = validate(engine.schema, document);
      if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join('\n'));
      return engine.execute({ document, variables, context });
    },
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

/** The client, with what it is asked noted. */
export function recording(client: SubgraphClient, calls: Call[]): SubgraphClient {
  const record = ({ query, operationName, variables }: SubgraphRequest) =>
    calls.push({ service: client.name, query: query ?? '', operationName, variables: { ...variables } });
  return {
    ...client,
    execute(request) {
      record(request);
      return client.execute(request);
    },
    subscribe(request) {
      record(request);
      return client.subscribe(request);
    },
  };
}

/** An answer as a client receives it: through JSON, so without prototypes, undefined or error classes. */
export const received = (result: ExecutionResult): ExecutionResult =>
  parseExactJson(writeJson(result)) as ExecutionResult;
