/**
 * Random guards on random supergraphs, asked by random visitors: the answer must be that of graphql-js on the uncut
 * schema with the same guards before its resolvers, and no subgraph may be asked for what the visitor may not see.
 */
import fc from 'fast-check';
import {
  execute,
  GraphQLError,
  parse,
  print,
  validate,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLFieldResolver,
  type GraphQLTypeResolver,
} from 'graphql';
import { expect, test } from 'vitest';
import { createEngineOn } from '#gateway/execute/engine.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { composeTest, received, recording, subgraphSchema, type Call } from '../federation.ts';
import { puttingTogether } from '../put-together.ts';
import { checkAnswer } from './compare.ts';
import { cutModel, eventsOf, uncutSchema } from './cut.ts';
import { fetchedUnseen, guardSupergraph, Sight } from './guards.ts';
import { randomModel } from './random-model.ts';
import { randomOperation } from './operation.ts';
import { plannerInThread } from './planner.ts';
import { hash } from './random.ts';
import type { Reference } from './model.ts';

/** Models; each is asked some operations of each kind by two visitors. */
const MODELS = Number(process.env.ENGINE_MODELS ?? 24);
const SEED = Number(process.env.ENGINE_SEED ?? 11);
const OPERATIONS = 8;

function guardedModel(seed: number) {
  const model = randomModel(seed, 2); // Who may see what is not said of what later ones have.
  const subgraphs = cutModel(model);
  const { sdl, guards, visitor } = guardSupergraph(composeTest(subgraphs), seed);
  const schemas = new Map(Object.entries(subgraphs).map(([name, subgraph]) => [name, subgraphSchema(subgraph)]));
  const calls: Call[] = [];
  const clients = new Map(
    [...schemas].map(([name, schema]) => [name, recording(inProcessClient(name, schema), calls)]),
  );
  const engine = createEngineOn(plannerInThread(sdl), {
    supergraphSdl: sdl,
    clients,
    authorization: { policies: (asked) => asked.filter((name) => visitor.policies.includes(name)) },
  });
  const uncut = uncutSchema(model);
  const sight = new Sight(guards, visitor, uncut.schema, model);
  return { model, engine, calls, schemas, visitor, uncut: guarded(uncut, sight), sight };
}

type Guarded = ReturnType<typeof guardedModel>;

const denied = (): GraphQLError => new GraphQLError('denied', { extensions: { code: 'DENIED' } });

/** The uncut schema with guards before its resolvers. */
function guarded(uncut: ReturnType<typeof uncutSchema>, sight: Sight): typeof uncut {
  const fieldResolver: GraphQLFieldResolver<unknown, unknown> = (source, given, context, info) => {
    if (!sight.ofField(info.parentType.name, info.fieldName)) throw denied();
    return uncut.fieldResolver(source, given, context, info);
  };
  const typeResolver: GraphQLTypeResolver<unknown, unknown> = (value) => {
    const { __typename } = value as Reference;
    if (!sight.ofType(__typename)) throw denied();
    return __typename;
  };
  return { schema: uncut.schema, fieldResolver, typeResolver };
}

const contextOf = (document: DocumentNode, { anonymous, scopes }: Guarded['visitor']) =>
  createRequestContext(
    { tenantId: 'test', subject: 'visitor', roles: [], scopes, anonymous },
    { requestId: `request ${hash(print(document))}` },
  );

/** Denials found, so that the test cannot pass by denying nothing. */
let denials = 0;

async function check(of: Guarded, document: DocumentNode, variables: Record<string, unknown>, kind: string) {
  const { engine, uncut, visitor, calls } = of;
  calls.length = 0;
  const context = contextOf(document, visitor);
  const expected = async (rootValue?: unknown) =>
    received(await execute({ ...uncut, document, variableValues: variables, rootValue }));
  if (kind === 'subscription') {
    const answers = await engine.subscribe({ document, variables, context });
    const events = eventsOf();
    if (!(Symbol.asyncIterator in answers)) {
      const { errors } = await expected((await events.next()).value);
      if (!errors?.some(isDenial)) throw new Error(`${print(document)}\nno stream: ${JSON.stringify(answers)}`);
      if (calls.length > 0) throw new Error(`${print(document)}\nasked ${JSON.stringify(calls)}`);
      denials += 1;
      return;
    }
    for await (const actual of answers)
      compare(received(actual), await expected((await events.next()).value), document, variables);
  } else if (kind === 'deferred') {
    const whole = await expected();
    const result = await engine.executeIncrementally!({ document, variables, context });
    const compared = await puttingTogether(result, whole);
    compare(compared.actual, compared.expected, document, variables);
  } else {
    const whole = await expected();
    compare(received(await engine.execute({ document, variables, context })), whole, document, variables);
    compare(received(await engine.execute({ document, variables, context, asText: true })), whole, document, variables);
  }
  const implementers = of.model.entities.filter(({ implementsI }) => implementsI).map(({ name }) => name);
  const unseen = fetchedUnseen(calls, of.schemas, of.sight, implementers);
  if (unseen.length > 0)
    throw new Error(
      `${print(document)}\nasked for ${unseen.join()} in\n${calls.map(({ service, query }) => `${service} ${query}`).join('\n')}`,
    );
}

const isDenial = ({ extensions }: { extensions?: Record<string, unknown> }): boolean => extensions?.code === 'DENIED';

function compare(actual: ExecutionResult, expected: ExecutionResult, document: DocumentNode, variables: object): void {
  checkAnswer(actual, expected, document, variables);
  for (const { path } of (expected.errors ?? []).filter(isDenial)) {
    denials += 1;
    const same = actual.errors?.filter((error) => JSON.stringify(error.path) === JSON.stringify(path)) ?? [];
    // A sibling's null may have taken it out of the answer.
    if (
      same.length === 0 ||
      same.some(({ extensions }) => /^(FORBIDDEN|UNAUTHENTICATED)$/.test(String(extensions?.code)))
    )
      continue;
    throw new Error(`${print(document)}\nno denial at ${JSON.stringify(path)}: ${JSON.stringify(same)}`);
  }
}

test.each(['query', 'mutation', 'subscription', 'deferred'] as const)(
  'guards hold in a random %s',
  { timeout: 900_000 },
  async (kind) => {
    denials = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const of = guardedModel(seed);
        for (let index = 0, done = 0; done < OPERATIONS; index++) {
          const type = kind === 'deferred' ? 'query' : kind;
          const { source, variables } = randomOperation(of.uncut.schema, seed + index, type, kind === 'deferred');
          const document = parse(source);
          if (validate(of.engine.schema, document).length > 0) continue;
          done += 1;
          await check(of, document, variables, kind).catch((error: unknown) => {
            throw new Error(`model ${seed}, operation ${seed + index}: ${(error as Error).message}`, { cause: error });
          });
        }
      }),
      { numRuns: kind === 'query' ? MODELS : Math.ceil(MODELS / 2), seed: SEED, endOnFailure: true },
    );
    expect(denials).toBeGreaterThan(MODELS);
  },
);
