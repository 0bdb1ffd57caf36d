/**
 * A second oracle: `@apollo/gateway`'s own planner and executor on the same random models and operations. Where it has
 * no error and differs, the uncut schema decides: it must agree with the engine. (`oracle.test.ts` compares all answers
 * with the uncut schema.)
 */
import { execute, parse, print, validate, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { expect, test, vi } from 'vitest';
import { createEngineOn } from '#gateway/execute/engine.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { composeTest, received, subgraphSchema, testContext } from '../federation.ts';
import { cutModel, uncutSchema } from './cut.ts';
import { randomModel } from './random-model.ts';
import { randomOperation } from './operation.ts';
import { plannerInThread } from './planner.ts';

/** Models, and operations on each. */
const MODELS = Number(process.env.ENGINE_MODELS ?? 10);
const OPERATIONS = 10;
const SEED = Number(process.env.ENGINE_SEED ?? 7);

/** The generation of models whose numbers it does not change. */
const PLAIN_NUMBERS = 2;

const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

type Executor = (document: DocumentNode, variables: Record<string, unknown>) => Promise<ExecutionResult>;

async function apolloGateway(supergraphSdl: string, schemas: ReadonlyMap<string, GraphQLSchema>): Promise<Executor> {
  const { ApolloGateway } = await import('@apollo/gateway');
  const gateway = new ApolloGateway({
    supergraphSdl,
    logger: QUIET,
    buildService: ({ name }) => ({
      async process({ request }) {
        const result = await execute({
          schema: schemas.get(name!)!,
          document: parse(request.query!),
          variableValues: request.variables ?? {},
          contextValue: testContext(),
        });
        return JSON.parse(JSON.stringify(result)) as never;
      },
    }),
  });
  const { executor } = await gateway.load();
  return async (document, variables) => {
    const source = print(document);
    const operation = document.definitions.find((definition) => definition.kind === 'OperationDefinition');
    const request = {
      document,
      operation,
      operationName: 'Random',
      source,
      queryHash: source,
      request: { query: source, variables },
      metrics: {},
      context: {},
      logger: QUIET,
      schema: gateway.schema,
    };
    return (await executor(request as never)) as ExecutionResult;
  };
}

test('answers equal those of @apollo/gateway, or else those of the uncut schema', { timeout: 900_000 }, async () => {
  vi.stubEnv('APOLLO_TELEMETRY_DISABLED', 'true'); // It reports to its vendor unless told not to, before it is loaded.
  const counts = { equal: 0, refused: 0, wrong: 0 };
  for (let index = 0; index < MODELS; index++) {
    const seed = SEED * 1_000 + index;
    const model = { ...randomModel(seed, PLAIN_NUMBERS), errors: false };
    const subgraphs = cutModel(model);
    const supergraphSdl = composeTest(subgraphs);
    const schemas = new Map(Object.entries(subgraphs).map(([name, subgraph]) => [name, subgraphSchema(subgraph)]));
    const clients = new Map([...schemas].map(([name, schema]) => [name, inProcessClient(name, schema)]));
    const engine = createEngineOn(plannerInThread(supergraphSdl), { supergraphSdl, clients });
    const peer = await apolloGateway(supergraphSdl, schemas);
    const uncut = uncutSchema(model);
    for (let operation = 0; operation < OPERATIONS; operation++) {
      const { source, variables } = randomOperation(uncut.schema, seed + operation);
      const document = parse(source);
      if (validate(engine.schema, document).length > 0) continue;
      const ours = received(await engine.execute({ document, variables, context: testContext() }));
      const theirs = await peer(document, variables).then(received, (): ExecutionResult => ({ errors: [] }));
      if (JSON.stringify(theirs.data) === JSON.stringify(ours.data)) {
        counts.equal += 1;
        continue;
      }
      const expected = received(await execute({ ...uncut, document, variableValues: variables }));
      expect(ours.data, `model ${seed}, operation ${seed + operation}: ${source}`).toEqual(expected.data);
      counts[theirs.errors === undefined ? 'wrong' : 'refused'] += 1;
    }
  }
  vi.unstubAllEnvs();
  console.log(
    `Of ${counts.equal + counts.refused + counts.wrong} answers, @apollo/gateway gave ${counts.equal} alike, ${counts.refused} with errors and ${counts.wrong} that the uncut schema refutes.`,
  );
  expect(counts.equal).toBeGreaterThan(MODELS * 3);
});
