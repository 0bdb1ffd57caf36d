/**
 * Random cases: models, cut at random, asked at random. The federated answer must be that of graphql-js on the uncut
 * schema. Errors may be told at other depths, since a subgraph reports what it saw, but each must explain a null, and
 * none may be lost.
 */
import { isDeepStrictEqual } from 'node:util';
import { execute, parse, print, specifiedRules, validate, type DocumentNode, type ExecutionResult } from 'graphql';
import type { OperationTrace, TraceNode } from '#gateway/execute/run/trace.ts';
import { composeTest, received, testContext } from '../federation.ts';
import { puttingTogether } from '../put-together.ts';
import { checkAnswer } from './compare.ts';
import { checkOutage } from './check-outage.ts';
import { eventsOf } from './cut.ts';
import { deferParts } from './defer-parts.ts';
import { federateModel, type FederatedModel } from './federated-model.ts';
import { DEEPEST, randomOperation } from './operation.ts';
import { GENERATION } from './random-model.ts';
import { hash, Random } from './random.ts';
import { shrinkOperation } from './shrink.ts';

/** What is asked of models, and how the answer is checked. */
export type CaseKind = 'query' | 'mutation' | 'subscription' | 'deferred';

type Check = (federated: FederatedModel, document: DocumentNode, variables: Record<string, unknown>) => Promise<void>;

const CHECKS: Readonly<Record<CaseKind, Check>> = {
  query: checkQuery,
  mutation: checkMutation,
  subscription: checkSubscription,
  deferred: checkDeferred,
};

/** What has been compared besides the plain answers. */
export const counts = { streamed: 0, outages: 0, failedFetches: 0 };

/** A case that fails: its smallest operation, and what of it does not hold. */
export class Fault extends Error {
  readonly model: number;
  readonly operation: number;
  readonly kind: CaseKind;

  constructor(model: number, operation: number, kind: CaseKind, cause: Error) {
    super(`model ${model}, operation ${operation}, ${kind}: ${cause.message}`, { cause });
    this.model = model;
    this.operation = operation;
    this.kind = kind;
  }
}

/** Parts of every fourth query are deferred: planning them takes longer than all else. Other queries meet an outage. */
const PARTS_OF = Number(process.env.ENGINE_PARTS_OF ?? 4);

/**
 * Compares operations on one model; some random ones are not valid, and not counted.
 * @param operations how many are compared
 * @param generation as that of `randomModel`
 * @throws Fault
 */
export async function compareModel(
  seed: number,
  operations: number,
  kind: CaseKind,
  generation?: number,
): Promise<number> {
  const federated = federateModel(seed, generation);
  checkRootRequirement(federated);
  let compared = 0;
  for (let operation = 0; compared < operations; operation++)
    if (await compareOperation(federated, seed + operation, kind, depthOf(seed + operation, generation))) compared += 1;
  return compared;
}

/** Deep operations take the planner long, and find no more than as many of each depth. */
export const depthOf = (seed: number, generation = GENERATION): number =>
  generation < GENERATION ? DEEPEST : 2 + (seed % (DEEPEST - 1));

/**
 * @param depth of the operation
 * @returns whether the operation was valid, and so compared
 * @throws Fault
 */
export async function compareOperation(
  federated: FederatedModel,
  seed: number,
  kind: CaseKind,
  depth: number,
): Promise<boolean> {
  const { source, variables } = randomOperation(
    federated.uncut.schema,
    seed,
    kind === 'deferred' ? 'query' : kind,
    kind === 'deferred',
    depth,
  );
  const document = parse(source);
  if (validate(federated.engine.schema, document).length > 0) return false;
  const check = CHECKS[kind];
  try {
    await check(federated, document, variables);
  } catch (first) {
    const smallest = await shrinkOperation(document, async (candidate) => {
      if (validate(federated.engine.schema, candidate, FOR_SHRINKING).length > 0) return false;
      return check(federated, candidate, variables).then(
        () => false,
        () => true,
      );
    });
    const cause = (await check(federated, smallest, variables).then(
      () => first,
      (error: unknown) => error,
    )) as Error;
    const text = print(smallest);
    const told = cause.message.includes(text)
      ? cause
      : new Error(`${text}\n${JSON.stringify(variables)}\n${cause.message}`, { cause });
    throw new Fault(federated.model.seed, seed, kind, told);
  }
  return true;
}

/** Progressive overrides are decided by the request's id, and so alike for all that is compared. */
const contextOf = (document: DocumentNode) => testContext({ requestId: `request ${hash(print(document))}` });

const FOR_SHRINKING = specifiedRules.filter(({ name }) => !name.startsWith('NoUnused'));

async function checkQuery(
  federated: FederatedModel,
  document: DocumentNode,
  variables: Record<string, unknown>,
): Promise<void> {
  const { engine, uncut } = federated;
  const expected = received(await execute({ ...uncut, document, variableValues: variables }));
  const actual = received(await engine.execute({ document, variables, context: contextOf(document) }));
  checkAnswer(actual, expected, document, variables);
  const asText = received(await engine.execute({ document, variables, context: contextOf(document), asText: true }));
  checkAnswer(asText, expected, document, variables);
  // What is fetched at the same time fails in any order.
  const inOrder = (errors: ExecutionResult['errors']): string[] =>
    (errors ?? []).map((each) => JSON.stringify(each)).sort();
  if (!isDeepStrictEqual(inOrder(asText.errors), inOrder(actual.errors)))
    throw new Error(`${print(document)}\nother errors as text: ${JSON.stringify([actual.errors, asText.errors])}`);
  const seed = hash(print(document));
  if (seed % PARTS_OF !== 0) {
    if (federated.model.extended === true && !federated.model.errors)
      await checkOutages(federated, document, variables, seed);
    return;
  }
  const inParts = deferParts(document, seed);
  if (validate(engine.schema, inParts, FOR_SHRINKING).length === 0) await checkDeferred(federated, inParts, variables);
}

/** The same with one of the subgraphs down, which is another one each time. */
async function checkOutages(
  federated: FederatedModel,
  document: DocumentNode,
  variables: Record<string, unknown>,
  seed: number,
): Promise<void> {
  const { engine, uncut, outage } = federated;
  const expected = received(await execute({ ...uncut, document, variableValues: variables }));
  outage.down = new Random(seed).pick(Object.keys(federated.subgraphs));
  outage.failed.length = 0;
  try {
    const { extensions, ...actual } = await engine.execute({
      document,
      variables,
      context: contextOf(document),
      trace: true,
    });
    const asked = extensions === undefined ? 0 : fetchesOf(outage.down, (extensions.trace as OperationTrace).plan);
    checkOutage(federated, document, received(actual), expected, asked);
    counts.outages += 1;
    counts.failedFetches += outage.failed.length;
  } finally {
    outage.down = undefined;
  }
}

/** How many fetches of the plan asked a subgraph. */
function fetchesOf(service: string, node: TraceNode | null): number {
  if (node?.kind === 'Fetch') return node.ran && node.service === service ? 1 : 0;
  const below = node !== null && 'nodes' in node ? node.nodes : [];
  return below.reduce((count, each) => count + fetchesOf(service, each), 0);
}

/** Mutations run one after the other, in the order of the client's document. */
async function checkMutation(
  federated: FederatedModel,
  document: DocumentNode,
  variables: Record<string, unknown>,
): Promise<void> {
  const { log } = federated.model;
  log.length = 0;
  await execute({ ...federated.uncut, document, variableValues: variables });
  const inOrder = log.splice(0);
  await federated.engine.execute({ document, variables, context: contextOf(document) });
  if (log.join() !== inOrder.join())
    throw new Error(`${print(document)}\nexpected the order ${inOrder.join()}\ngot ${log.join()}`);
  await checkQuery(federated, document, variables);
}

/** Each event's answer is that of the uncut schema. */
async function checkSubscription(
  { engine, uncut }: FederatedModel,
  document: DocumentNode,
  variables: Record<string, unknown>,
): Promise<void> {
  const answers = await engine.subscribe({ document, variables, context: contextOf(document) });
  if (!(Symbol.asyncIterator in answers)) {
    const expected = received(await execute({ ...uncut, document, variableValues: variables }));
    if (expected.data !== undefined) throw new Error(`${print(document)}\nno stream: ${JSON.stringify(answers)}`);
    return; // Variables that are refused.
  }
  const events = eventsOf();
  for await (const actual of answers) {
    const event = await events.next();
    const expected = received(await execute({ ...uncut, document, variableValues: variables, rootValue: event.value }));
    checkAnswer(received(actual), expected, document, variables);
  }
  if ((await events.next()).done !== true) throw new Error(`${print(document)}\nan event was lost`);
}

/** The patches of a stream, applied in order, must give the plain answer. */
async function checkDeferred(
  { engine, uncut }: FederatedModel,
  document: DocumentNode,
  variables: Record<string, unknown>,
): Promise<void> {
  const expected = received(await execute({ ...uncut, document, variableValues: variables }));
  const result = await engine.executeIncrementally!({ document, variables, context: contextOf(document) });
  if (Symbol.asyncIterator in result) counts.streamed += 1;
  const compared = await puttingTogether(result, expected);
  checkAnswer(compared.actual, compared.expected, document, variables);
}

/** A root field that requires another is refused at composition: there is no object whose fields could be sent. */
function checkRootRequirement({ model, subgraphs }: FederatedModel): void {
  if (model.extended !== true || model.seed % 10 !== 0) return;
  const required = model.roots.find(({ shape, override }) => shape === 'leaf' && override === undefined);
  if (required === undefined) return;
  const elsewhere = `s${(required.owners[0]! + 1) % model.subgraphs}`;
  const { type, name } = required;
  const changed = {
    ...subgraphs[elsewhere]!,
    typeDefs: `${subgraphs[elsewhere]!.typeDefs}\nextend type Query { ${name}${required.hasArgument ? `(x: ${required.argumentType ?? 'Int'})` : ''}: ${type} @external needing: Int @requires(fields: "${name}") }`,
  };
  try {
    composeTest({ ...subgraphs, [elsewhere]: changed });
  } catch (error) {
    if ((error as Error).message.includes('Query.needing has @requires')) return;
    throw error;
  }
  throw new Error(`model ${model.seed}: a root field that requires another was composed`);
}
