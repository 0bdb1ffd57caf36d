/** `npm run new`: what it writes, and what it refuses. That its skeletons compile and fail as they should is in tests/workshop/. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newDriver } from '#ops/new/driver.ts';
import { newEvent } from '#ops/new/event.ts';
import { FIELD_TYPES, newField } from '#ops/new/field.ts';
import { objectTypes } from '#ops/new/object-types.ts';
import { NewError } from '#ops/new/template.ts';
import { subgraphSchemas } from '#ops/schema.ts';
import { SUBGRAPH_NAMES } from '#subgraphs/shared/subgraph.ts';
import { FIELDS, skeletonTree, type SkeletonTree } from './skeletons.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let tree: SkeletonTree;
beforeAll(async () => {
  tree = await skeletonTree();
});
afterAll(() => tree?.[Symbol.dispose]());

test('the fields that are tried are of every subgraph and of every type', () => {
  expect([...new Set(FIELDS.map(([subgraph]) => subgraph))].sort()).toEqual([...SUBGRAPH_NAMES].sort());
  expect([...new Set(FIELDS.map(([, , , type = 'String']) => type))].sort()).toEqual([...FIELD_TYPES].sort());
});

test('a driver has every member of its interface, and is where drivers are', () => {
  const driver = readFileSync(join(tree.path, 'subgraphs/vector/drivers/milvus-lite/index.ts'), 'utf8');
  expect(driver).toContain('export class MilvusLiteVectors implements VectorDriver');
  expect(driver).toContain("import type { RequestContext } from '#subgraphs/shared/context.ts';");
  expect(driver).toMatch(/async similarToChunks\(\s*_context: RequestContext,/);
});

test('a relational field is a column, with a migration behind the others', () => {
  const migrations = readdirSync(join(tree.path, 'subgraphs/relational/migrations')).sort().slice(-2);
  expect(migrations.map((name) => name.slice(4))).toEqual(['_document_language.sql', '_memory_fact_weight.sql']);
  const sql = readFileSync(join(tree.path, 'subgraphs/relational/migrations', migrations[0]!), 'utf8');
  expect(sql).toContain('ALTER TABLE relational.documents ADD COLUMN language text;');
});

describe('the command', () => {
  const command = (...words: string[]) => tree.run('--import tsx ops/new.ts', ...words);

  test('tells its words', async () => {
    expect((await command('--help')).output).toMatch(
      /driver vector milvus[^]*field relational Document language[^]*event LINK_SHARED/,
    );
    expect((await command()).code).toBe(2);
  });

  test.each([
    ['nonsense', [], /There is no skeleton "nonsense"/],
    ['field', ['relational', 'Document', 'title'], /Document\.title is there already/],
  ])('refuses %s %s, and says why', async (kind, words, message) => {
    const { code, output } = await command(kind, ...words);
    expect(code).toBe(1);
    expect(output).toMatch(message);
    expect(output).not.toMatch(/^\s+at /m);
  });
});

test.each([
  [newDriver, ['sql', 'x'], /There is no subgraph "sql"\. There are: relational, graph/],
  [newDriver, ['vector', 'qdrant'], /vector has a driver qdrant already/],
  [newDriver, ['vector', '../../x'], /small letters, digits and hyphens/],
  [newField, ['relational', 'Documnt', 'x'], /defines no type Documnt .* It defines: .*Document/],
  [newField, ['relational', 'Document', 'x', 'Money'], /There is no type Money to begin with/],
  [newEvent, ['RUN_ERROR'], /RUN_ERROR is there already/],
  [newEvent, ['linkShared'], /in capitals/],
])('%o refuses %s', async (make, words, message) => {
  const refused = (async () => await make(ROOT, words))();
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toBeInstanceOf(NewError);
});

test('every object type that a subgraph describes by itself can be given a field', async () => {
  // What shared code and tables make has its fields there: pages, payloads, groups of rows, shared values, and the types of events.
  const made =
    /(Connection|Edge|Event|Payload|Aggregate|Group(Distinct|Keys|Numbers|Percentiles|Values)?)$|^(PageInfo|Query|Mutation|Subscription|_Service)$|^__/;
  for (const [subgraph, schema] of Object.entries(await subgraphSchemas())) {
    const known = (await objectTypes(ROOT, subgraph)).map(({ type }) => type);
    const described = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .map(({ name }) => name);
    expect({ subgraph, missing: described.filter((name) => !made.test(name) && !known.includes(name)) }).toEqual({
      subgraph,
      missing: [],
    });
  }
});
