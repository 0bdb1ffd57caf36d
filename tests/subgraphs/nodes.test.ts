/** `node` and `nodes` of the relational subgraph: each id is answered by itself, and reading many costs no more statements. */
import { graphql } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '#subgraphs/shared/scopes.ts';
import { contextOf, createRelationalFixture, note, UPSERT, type RelationalFixture } from './relational-fixture.ts';

let fixture: RelationalFixture;
let document: string;
let chunk: string;
/** What takes a scope to read, by that scope. */
let kept: Record<'usage:read' | 'audit:read' | 'keys:read', string>;

beforeAll(async () => {
  fixture = await createRelationalFixture();
  const made = (await fixture.get('a', UPSERT, note('one', 'A text.'))).upsertDocument.document;
  document = made.id;
  chunk = made.chunks.edges[0].node.id;
  const { recordUsage, createApiKey } = await fixture.get(
    'a',
    `mutation {
      recordUsage(input: { operation: EMBED, provider: "p", model: "m", inputTokens: 1, outputTokens: 0 }) { record { id } }
      createApiKey(input: { name: "k" }) { key { id } }
    }`,
  );
  const { auditEntries } = await fixture.get('a', '{ auditEntries(first: 1) { edges { node { id } } } }');
  kept = {
    'usage:read': recordUsage.record.id,
    'audit:read': auditEntries.edges[0].node.id,
    'keys:read': createApiKey.key.id,
  };
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

const NODES = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';
const NODE = 'query ($id: ID!) { node(id: $id) { __typename id } }';

async function ask(scopes: readonly Scope[], source: string, variableValues: Record<string, unknown>) {
  const context = contextOf('a');
  const { data, errors = [] } = await graphql({
    schema: fixture.subgraph.schema,
    source,
    variableValues,
    contextValue: { ...context, principal: { ...context.principal, scopes } },
  });
  return {
    data: JSON.parse(JSON.stringify(data)) as unknown,
    errors: errors.map(({ path, extensions }) => [path?.join('.'), extensions['code']]),
  };
}

describe('what takes a scope to list', () => {
  const SCOPES = ['usage:read', 'audit:read', 'keys:read'] as const;
  const TYPES = { 'usage:read': 'UsageRecord', 'audit:read': 'AuditEntry', 'keys:read': 'ApiKey' } as const;

  test.each(SCOPES)('%s: it alone opens its own, and the others are refused at their places', async (scope) => {
    const ids = [document, ...SCOPES.map((each) => kept[each]), chunk];
    expect(await ask([scope], NODES, { ids })).toEqual({
      data: {
        nodes: [
          { __typename: 'Document', id: document },
          ...SCOPES.map((each) => (each === scope ? { __typename: TYPES[each], id: kept[each] } : null)),
          { __typename: 'Chunk', id: chunk },
        ],
      },
      errors: SCOPES.flatMap((each, at) => (each === scope ? [] : [[`nodes.${at + 1}`, 'FORBIDDEN']])),
    });
  });

  test.each(SCOPES)('%s: without it `node` is refused, with it it answers', async (scope) => {
    const id = kept[scope];
    expect(await ask([], NODE, { id })).toEqual({ data: { node: null }, errors: [['node', 'FORBIDDEN']] });
    expect(await ask([scope], NODE, { id })).toEqual({ data: { node: { __typename: TYPES[scope], id } }, errors: [] });
  });
});

test('what is missing is null, and what is no id is refused at its place', async () => {
  const missing = `${document.slice(0, 4)}${'0'.repeat(20)}`;
  expect(await ask([], NODES, { ids: [missing, document, document] })).toEqual({
    data: { nodes: [null, { __typename: 'Document', id: document }, { __typename: 'Document', id: document }] },
    errors: [],
  });
  const odd = [
    '',
    'doc',
    'doc_',
    'xyz_1',
    'DOC_1',
    `doc_${'a'.repeat(41)}`,
    'doc_1\u0000',
    '__proto__',
    '42',
    ' doc_1',
  ];
  expect(await ask([], NODES, { ids: [document, ...odd] })).toEqual({
    data: { nodes: [{ __typename: 'Document', id: document }, ...odd.map(() => null)] },
    errors: odd.map((_, at) => [`nodes.${at + 1}`, 'BAD_USER_INPUT']),
  });
  for (const id of odd)
    expect(await ask([], NODE, { id })).toEqual({ data: { node: null }, errors: [['node', 'BAD_USER_INPUT']] });
});

test('where nobody said where their subgraphs are, ids of theirs are refused with what to set, and the others are answered', async () => {
  const at = '0'.repeat(20);
  const ids = [`run_${at}`, document, `ent_${at}`, `rel_${at}`];
  const refused = (path: string) => [path, 'STORE_DISABLED'];
  expect(await ask([], NODES, { ids })).toEqual({
    data: { nodes: [null, { __typename: 'Document', id: document }, null, null] },
    errors: ['nodes.0', 'nodes.2', 'nodes.3'].map(refused),
  });
  expect(await ask([], NODE, { id: ids[0] })).toEqual({ data: { node: null }, errors: [refused('node')] });
});

test('a hundred ids cost as many statements as two, and one more is refused', async () => {
  const inputs = Array.from({ length: 50 }, (_, at) => note(`s${at}`, `Text ${at}.`).input);
  const { upsertDocuments } = await fixture.get(
    'many',
    `mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { documents { id chunks(first: 1) { edges { node { id } } } } } }`,
    { input: { documents: inputs } },
  );
  const ids = (upsertDocuments.documents as { id: string; chunks: { edges: { node: { id: string } }[] } }[]).flatMap(
    (each) => [each.id, each.chunks.edges[0]!.node.id],
  );
  for (const asked of [ids.slice(0, 2), ids]) {
    const { data, codes, context } = await fixture.ask('many', NODES, { ids: asked });
    expect(codes).toEqual([]);
    expect(data.nodes.map(({ id }: { id: string }) => id)).toEqual(asked);
    // One for each of the two types.
    expect(context.statements.counts()).toEqual({ postgres: 2 });
  }
  expect(ids).toHaveLength(100);
  expect((await fixture.ask('many', NODES, { ids: [...ids, document] })).codes).toEqual(['BAD_USER_INPUT']);
});
