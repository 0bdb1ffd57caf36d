/** Aggregates of runs, against what the oracle says of the same rows. */
import { graphql } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { aggregate, aggregates, answered, queryOf, type Kinds, type Row } from '#tests/contract/aggregate-oracle.ts';
import { fc } from '#tests/setup/property.ts';
import { createRunsFixture, type RunsFixture } from './runs-fixture.ts';

const KINDS: Kinds = {
  status: 'enum',
  agentId: 'id',
  threadId: 'id',
  startedBy: 'text',
  createdAt: 'moment',
  startedAt: 'moment',
  finishedAt: 'moment',
};
let fixture: RunsFixture;
let rows: Row[];

const ask = async (source: string, tenantId = 'measured', subject = 'Ann') => {
  const contextValue = createRequestContext({ tenantId, subject, roles: [], scopes: [] });
  const { data, errors } = await graphql({ schema: fixture.runs.schema, source, contextValue });
  expect(errors).toBeUndefined();
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers
  return { data: JSON.parse(JSON.stringify(data)) as any, statements: contextValue.statements.total };
};

beforeAll(async () => {
  fixture = await createRunsFixture();
  for (const at of Array.from({ length: 12 }, (_, index) => index)) {
    const by = ['Ann', 'ann', 'ünder'][at % 3]!;
    const agent = at % 4 === 0 ? '' : `agentId: "agt_${at % 2}", `;
    const { data } = await ask(
      `mutation { startRun(input: { ${agent}threadId: "t${at % 5}", input: null }) { run { id } } }`,
      'measured',
      by,
    );
    if (at % 3 === 0) await ask(`mutation { cancelRun(input: { runId: "${data.startRun.run.id}" }) { run { id } } }`);
  }
  const { data } = await ask(
    `{ runs(first: 200) { nodes { id status agent { id } threadId startedBy createdAt startedAt finishedAt } } }`,
  );
  rows = data.runs.nodes.map(({ agent, ...run }: Row) => ({
    ...run,
    agentId: (agent as { id: string } | null)?.id ?? null,
  }));
});
afterAll(async () => {
  await fixture?.[Symbol.asyncDispose]();
});

test('mean what the oracle says, one statement each', async () => {
  expect(rows).toHaveLength(12);
  await fc.assert(
    fc.asyncProperty(aggregates(KINDS, rows), async (asked) => {
      const { data, statements } = await ask(queryOf('runs', asked));
      expect(answered(data.runsAggregate, asked)).toEqual(aggregate(rows, asked, KINDS));
      expect(statements).toBe(1);
    }),
    { numRuns: 150 },
  );
});

test('of events mean what the oracle says, one statement each', async () => {
  const { data } = await ask(
    '{ runs(first: 200) { nodes { id agent { id } events(first: 100) { nodes { sequence type actor createdAt } } } } }',
  );
  interface Listed {
    readonly id: string;
    readonly agent: { readonly id: string } | null;
    readonly events: { readonly nodes: readonly Row[] };
  }
  const events = (data.runs.nodes as Listed[]).flatMap(({ id, agent, events: log }) =>
    log.nodes.map((event): Row => ({ ...event, runId: id, agentId: agent?.id ?? null })),
  );
  expect(events.length).toBeGreaterThan(4);
  const kinds: Kinds = {
    runId: 'id',
    agentId: 'id',
    sequence: 'int',
    type: 'enum',
    actor: 'text',
    createdAt: 'moment',
  };
  await fc.assert(
    fc.asyncProperty(aggregates(kinds, events), async (asked) => {
      const { data: found, statements } = await ask(queryOf('runEvents', asked));
      expect(answered(found.runEventsAggregate, asked)).toEqual(aggregate(events, asked, kinds));
      expect(statements).toBe(1);
    }),
    { numRuns: 80 },
  );
  const counted = async (where: string, tenant?: string): Promise<number> =>
    (await ask(`{ runEventsAggregate(where: ${where}) { groups { count } } }`, tenant)).data.runEventsAggregate
      .groups[0].count;
  const those = (holds: (event: Row) => boolean): number => events.filter(holds).length;
  expect(await counted('{ type: { eq: RUN_STARTED }, sequence: { lte: 1 } }')).toBe(
    those(({ type }) => type === 'RUN_STARTED'),
  );
  expect(await counted('{ agentId: { eq: "agt_1" }, not: { actor: { eq: "Ann" } } }')).toBe(
    those(({ agentId, actor }) => agentId === 'agt_1' && actor !== 'Ann'),
  );
  expect(await counted(`{ runId: { eq: "${String(events[0]!['runId'])}" } }`)).toBe(
    those(({ runId }) => runId === events[0]!['runId']),
  );
  expect(await counted('{ sequence: { gte: 0 } }', 'other')).toBe(0);
});

test('take the filter of the list, and count nothing of another tenant', async () => {
  const text = `{ runsAggregate(where: { agentId: { isNull: false } }, groupBy: [{ field: AGENT_ID }], orderBy: [{ field: AGENT_ID }]) { groups { keys { agentId } count } } }`;
  expect((await ask(text)).data.runsAggregate.groups).toEqual([
    { keys: { agentId: 'agt_0' }, count: 3 },
    { keys: { agentId: 'agt_1' }, count: 6 },
  ]);
  expect((await ask(text, 'other')).data.runsAggregate.groups).toEqual([]);
});
