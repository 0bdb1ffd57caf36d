/** A value in the place of a filter is told what to write, by every way in, as a literal and in a variable. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
}, 240_000);
afterAll(async () => await server?.[Symbol.asyncDispose]());

/** The first error of an operation that gives nothing: refused before it runs, or by the subgraph that knows what it may hold. */
async function told(query: string, variables?: Record<string, unknown>, way = 'POST'): Promise<string> {
  const { answer } = await WAYS_IN[way]!(server.url, { query, variables });
  expect(Object.values(answer.data ?? {}).filter((value) => value !== null)).toEqual([]);
  return answer.errors![0]!.message;
}

test.each(Object.keys(WAYS_IN))('by %s', async (way) => {
  expect(await told('{ entities(where: { name: "pg" }) { nodes { id } } }', undefined, way)).toContain(
    'Write { name: { eq: "pg" } }.',
  );
  const query = 'query ($where: EntityFilter) { entities(where: $where) { nodes { id } } }';
  expect(await told(query, { where: { name: 'pg' } }, way)).toContain('Write { name: { eq: "pg" } }.');
});

test.each([
  ['a list', 'entities(where: { name: ["pg", "vitest"] }) { nodes { id } }', '{ name: { in: ["pg", "vitest"] } }'],
  ['an id', 'documents(where: { id: "doc_1" }) { nodes { id } }', '{ id: { eq: "doc_1" } }'],
  ['an enum', 'runs(where: { status: RUNNING }) { nodes { id } }', '{ status: { eq: RUNNING } }'],
  ['a moment', 'documents(where: { createdAt: "2026-11-27" }) { nodes { id } }', '{ createdAt: { eq: "2026-11-27" } }'],
  ['a number', 'usageRecords(where: { inputTokens: 5 }) { nodes { id } }', '{ inputTokens: { eq: 5 } }'],
  ['a boolean', 'usageRecords(where: { estimated: true }) { nodes { id } }', '{ estimated: { eq: true } }'],
  ['metadata', 'documents(where: { metadata: "x" }) { nodes { id } }', '{ metadata: { path: ["…"], eq: "x" } }'],
  ['below or', 'entities(where: { or: [{ name: "a" }] }) { nodes { id } }', '{ name: { eq: "a" } }'],
  [
    'a quote and another script',
    'entities(where: { name: "„日本“ \\"x\\"" }) { nodes { id } }',
    '{ name: { eq: "„日本“ \\"x\\"" } }',
  ],
  [
    'deep',
    'entity(name: "a") { neighbors(where: { kind: "package" }) { nodes { id } } }',
    '{ kind: { eq: "package" } }',
  ],
])('%s as a literal', async (_, field, written) => {
  expect(await told(`{ ${field} }`)).toContain(`Write ${written}.`);
});

test.each([
  ['a number', 'UsageRecordFilter', 'usageRecords', { inputTokens: 5 }, '{ inputTokens: { eq: 5 } }'],
  ['a long number', 'UsageRecordFilter', 'usageRecords', { inputTokens: 1e300 }, '{ inputTokens: { eq: 1e+300 } }'],
  ['an enum', 'RunFilter', 'runs', { status: 'RUNNING' }, '{ status: { eq: "RUNNING" } }'],
  ['a list', 'DocumentFilter', 'documents', { title: ['a', 'b'] }, '{ title: { in: ["a","b"] } }'],
  ['below or', 'DocumentFilter', 'documents', { or: [{ title: 'a' }] }, '{ title: { eq: "a" } }'],
  [
    'what quotes a place',
    'DocumentFilter',
    'documents',
    { title: 'x at "where.y"; Z' },
    '{ title: { eq: "x at \\"where.y\\"; Z" } }',
  ],
  ['a boolean', 'UsageRecordFilter', 'usageRecords', { estimated: false }, '{ estimated: { eq: false } }'],
])('%s in a variable', async (_, type, field, where, written) => {
  const said = await told(`query ($where: ${type}) { ${field}(where: $where) { nodes { id } } }`, { where });
  expect(said).toContain(`Write ${written}.`);
});

test("a variable of the value's own type, and the filter itself", async () => {
  expect(await told('query ($n: String) { entities(where: { name: $n }) { nodes { id } } }', { n: 'pg' })).toContain(
    'Write { name: { eq: $n } }.',
  );
  expect(
    await told('query ($n: StringFilter) { entities(where: { name: $n }) { nodes { id } } }', { n: 'pg' }),
  ).toContain('Write { eq: "pg" }.');
});

test.each([
  ['like', 'entities(where: { name: { like: "%x%" } })', '"contains" or "startsWith" or "endsWith" or "matches"'],
  ['_ilike', 'entities(where: { name: { _ilike: "%x%" } })', '"contains" or "startsWith" or "endsWith" or "matches"'],
  ['_eq', 'entities(where: { name: { _eq: "x" } })', '"eq"'],
  ['_nin', 'entities(where: { name: { _nin: ["x"] } })', '"notIn"'],
  ['equals', 'documents(where: { id: { equals: "x" } })', '"eq"'],
  ['is_null', 'documents(where: { mediaType: { is_null: true } })', '"isNull"'],
  ['regex', 'documents(where: { title: { regex: "x" } })', '"matches"'],
  ['starts_with', 'documents(where: { title: { starts_with: "x" } })', '"startsWith"'],
  ['AND', 'documents(where: { AND: [] })', '"and"'],
  ['between', 'documents(where: { createdAt: { between: "x" } })', '"gte" and "lte"'],
  ['like', 'runs(where: { startedAt: { like: "x" } })', undefined],
  ['nothing', 'documents(where: { title: { nothing: "x" } })', undefined],
  ['constructor', 'documents(where: { title: { constructor: "x" } })', undefined],
])('an operator of another API: %s', async (operator, field, ours) => {
  const [, name, where] = /^(\w+)\(where: (.*)\)$/.exec(field)!;
  const types: Record<string, string> = { entities: 'EntityFilter', documents: 'DocumentFilter', runs: 'RunFilter' };
  const type = types[name!]!;
  const variables = { where: JSON.parse(where!.replace(/(\w+):/g, '"$1":')) as object };
  for (const said of [
    await told(`{ ${field} { nodes { id } } }`),
    await told(`query ($where: ${type}) { ${name}(where: $where) { nodes { id } } }`, variables),
  ]) {
    expect(said).toContain(`Field "${operator}" is not defined by type`);
    if (ours === undefined) expect(said).not.toContain('Write');
    else expect(said).toMatch(new RegExp(`\\. Write ${ours}\\.$`));
  }
});

test('an operator that is not known is told in time, however long what quotes it is', async () => {
  const where = { title: { like: 'Field "x" is not defined by type "y". Did you mean '.repeat(1_200) } };
  const said = await told('query ($where: DocumentFilter) { documents(where: $where) { nodes { id } } }', { where });
  expect(said).toMatch(/Write "contains" or .*\.$/);
});

test('a time without a zone is told how to be written', async () => {
  const query = 'query ($at: DateTime) { documents(where: { createdAt: { gte: $at } }) { nodes { id } } }';
  for (const at of ['2026-11-29 09:00', '2026-11-29T09:14:00'])
    expect(await told(query, { at })).toContain(`Where it is in UTC, write ${at.replace(' ', 'T')}Z.`);
  expect(await told(query, { at: 'yesterday' })).not.toContain('UTC, write');
});

test('what is no filter of values is told as before, and what is long is not repeated', async () => {
  expect(await told('{ entities(where: "pg") { nodes { id } } }')).not.toContain('Write');
  expect(await told('{ documents(first: "2") { nodes { id } } }')).not.toContain('Write');
  const where = { name: 'x'.repeat(65_536) };
  const said = await told('query ($where: EntityFilter) { entities(where: $where) { nodes { id } } }', { where });
  expect(said.length).toBeLessThan(1_100);
});
