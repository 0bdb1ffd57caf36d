/**
 * Runs every folder of the conformance suite: the same operations with entities asked for together and one at a time.
 */
import { readdirSync } from 'node:fs';
import { GraphQLError, parse, validate, type ExecutionResult } from 'graphql';
import { beforeAll, describe, expect, test } from 'vitest';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { puttingTogether } from '../put-together.ts';
import { checkAnswer } from '../random/compare.ts';
import { deferParts } from '../random/defer-parts.ts';
import { federate, received, testContext, type Federation } from '../federation.ts';
import type { Conformance, ConformanceOperation } from './case.ts';

const folders = readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test('there is a folder for every directive', () => expect(folders.length).toBeGreaterThan(25));

describe.each(folders)('%s', async (folder) => {
  const { default: found } = (await import(`./${folder}/case.ts`)) as { default: Conformance };
  describe.each([500, 1])('at most %i entities at once', (entityBatchSize) => {
    let federation: Federation;
    beforeAll(async () => {
      federation = await federate(found.subgraphs, {
        inThread: true,
        entityBatchSize,
        wrap: (client) => (found.down?.includes(client.name) === true ? { ...client, execute: fails } : client),
        ...found.engine,
      });
    });
    test
      .runIf(entityBatchSize === 500)
      .each(
        Object.entries(found.operations).filter(
          ([, { query, inParts }]) => inParts !== false && !/^\s*subscription/.test(query),
        ),
      )('%s, in parts', (_, operation) => compareInParts(federation, operation));
    test.each(Object.entries(found.operations))('%s', async (_, operation) => {
      federation.calls.length = 0;
      const context = testContext({ requestId: operation.requestId });
      compare(received(await federation.run(operation.query, operation.variables, context)), operation);
      if (operation.requests === undefined || entityBatchSize === 1) return;
      const requests = Object.fromEntries(
        Object.keys(operation.requests).map((name) => [
          name,
          federation.calls.filter(({ service }) => service === name).length,
        ]),
      );
      expect(requests, JSON.stringify(federation.calls, null, 1)).toEqual(operation.requests);
    });
  });
});

/** In how many ways parts of each operation are deferred. */
const DEFERRALS = Number(process.env.ENGINE_DEFERRALS ?? 4);

/** Parts of an operation, deferred at random and put together again, must make the answer that it has without. */
async function compareInParts({ engine }: Federation, operation: ConformanceOperation): Promise<void> {
  const plain = parse(operation.query);
  const { variables } = operation;
  const expected = received({
    data: operation.data as ExecutionResult['data'],
    errors: (operation.errors ?? []).map(({ path }) => new GraphQLError('expected', { path })),
  });
  for (let seed = 0; seed < DEFERRALS; seed++) {
    const document = deferParts(plain, seed);
    if (validate(engine.schema, document).length > 0) continue;
    const context = testContext({ requestId: operation.requestId });
    const result = await engine.executeIncrementally!({ document, variables, context });
    const compared = await puttingTogether(result, expected);
    checkAnswer(compared.actual, compared.expected, document, variables ?? {});
  }
}

const fails = (): Promise<never> => Promise.reject(new CodedError('SUBGRAPH_UNAVAILABLE', 'It is down.'));

function compare(actual: ExecutionResult, { data, errors = [] }: ConformanceOperation): void {
  const told = JSON.stringify(actual, null, 1);
  // As text: the order of fields belongs to the answer.
  expect(writeJson(actual.data), told).toBe(writeJson(data));
  const sorted = (paths: readonly (readonly (string | number)[])[]) => paths.map((path) => JSON.stringify(path)).sort();
  expect(sorted((actual.errors ?? []).map(({ path }) => path ?? [])), told).toEqual(
    sorted(errors.map(({ path }) => path)),
  );
  const counts = (list: readonly { path?: unknown; affected?: unknown }[]) =>
    list.map(({ path, affected }) => `${JSON.stringify(path ?? [])} ${String(affected)}`).sort();
  expect(
    counts((actual.errors ?? []).map(({ path, extensions }) => ({ path, affected: extensions?.affected }))),
  ).toEqual(counts(errors));
  for (const { path, code } of errors) {
    if (code === undefined) continue;
    expect(
      actual.errors
        ?.filter((error) => JSON.stringify(error.path ?? []) === JSON.stringify(path))
        .map(({ extensions }) => extensions?.code),
      told,
    ).toContain(code);
  }
}
