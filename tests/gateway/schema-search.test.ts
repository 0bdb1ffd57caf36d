/** Finding what an API has by plain words; examples that the schema takes. */
import { buildSchema, isInterfaceType, isObjectType, parse, validate, type GraphQLSchema } from 'graphql';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { schemaSearch, type SchemaSearch } from '#gateway/agents/schema-search.ts';
import { waysThrough } from '#gateway/agents/ways-through.ts';
import { embedsBuiltIn } from '#subgraphs/inference/index.ts';
import { HELD_QUESTIONS } from './held-questions.ts';
import { OTHER_HALF, LATER_QUESTIONS, SCHEMA_QUESTIONS, ONE_HALF } from './schema-questions.ts';

let schema: GraphQLSchema;
let search: SchemaSearch;
beforeAll(async () => {
  schema = buildSchema(await readFile('gateway/supergraph/api.graphql', 'utf8'), { assumeValid: true });
  search = schemaSearch(schema, embedsBuiltIn());
});

describe('questions in plain words', () => {
  // More than docs/agents.md says is better; less is a fault.
  test.each([
    ['written first', SCHEMA_QUESTIONS],
    ['written later', LATER_QUESTIONS],
    ['of a hundred more, one half', ONE_HALF],
    ['and the other half', OTHER_HALF],
    ['held back', HELD_QUESTIONS],
  ] as const)('%s are answered as often as the documentation says', async (label, questions) => {
    const named = new Set(
      Object.values(schema.getTypeMap()).flatMap((type) =>
        isObjectType(type) ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`) : [],
      ),
    );
    const ranks = await Promise.all(
      questions.map(async ([question, ...fields]) => {
        expect(fields.filter((field) => !named.has(field))).toEqual([]);
        return (await search.ranked(question, 20)).findIndex((each) => fields.includes(each));
      }),
    );
    const told = /\| +\| first \|[\s\S]*?\n\n/.exec(await readFile('docs/agents.md', 'utf8'))![0];
    const row = told.split('\n').find((line) => line.startsWith(`| ${label} |`))!;
    const [count, first, amongFive, reciprocal] = row
      .split('|')
      .slice(2)
      .map((cell) => Number(cell.replaceAll('*', '')));
    expect(count).toBe(questions.length);
    expect(ranks.filter((rank) => rank === 0).length).toBeGreaterThanOrEqual(first!);
    expect(ranks.filter((rank) => rank >= 0 && rank < 5).length).toBeGreaterThanOrEqual(amongFive!);
    const mean = ranks.reduce((sum, rank) => sum + (rank < 0 ? 0 : 1 / (rank + 1)), 0) / ranks.length;
    expect(mean).toBeGreaterThanOrEqual(reciprocal!);
  });

  test('an answer is short, and has or names the best five', async () => {
    for (const [question] of [...SCHEMA_QUESTIONS, ...LATER_QUESTIONS]) {
      const answer = await search.search(question, 12);
      // `searchCharacters`, and the names of what there was no room for.
      expect(answer.length, question).toBeLessThan(5_600);
      for (const name of await search.ranked(question, 5)) {
        const [type, field] = name.split('.');
        expect(answer, question).toMatch(new RegExp(field === undefined ? `\\b${type}\\b` : `\\b${field}\\b`));
      }
    }
  });

  test.each([
    '???',
    'the of and',
    'kto ty jesteś',
    '我的文件在哪里',
    'constructor __proto__ toString',
    'a'.repeat(500),
    '{ documents { nodes',
    '🦀',
  ])('whatever is asked is answered: %j', async (question) => {
    const found = await search.ranked(question, 5);
    expect(new Set(found).size).toBe(found.length);
    expect(await search.search(question, 12)).toMatch(/\{|Query:/);
  });

  test('without an embedder words do; one that fails is asked again', async () => {
    expect(await schemaSearch(schema).ranked('shortest path', 3)).toContain('Query.shortestPath');
    let asked = 0;
    const flaky = schemaSearch(schema, async (texts) => {
      if (asked++ < 2) throw new Error('not yet');
      return await embedsBuiltIn()(texts);
    });
    await expect(flaky.ranked('shortest path', 3)).rejects.toThrow('not yet');
    expect(await flaky.ranked('shortest path', 3)).toContain('Query.shortestPath');
  });
});

describe('ways through the schema', () => {
  test('every example is an operation that the schema takes', () => {
    const ways = waysThrough(schema);
    const wrong: string[] = [];
    let examples = 0;
    for (const type of Object.values(schema.getTypeMap())) {
      if ((!isObjectType(type) && !isInterfaceType(type)) || type.name.startsWith('__')) continue;
      for (const field of Object.values(type.getFields())) {
        const example = ways.example(type, field);
        if (example === undefined) continue;
        examples++;
        const [error] = validate(schema, parse(example));
        if (error !== undefined) wrong.push(`${example}: ${error.message}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(examples).toBeGreaterThan(500);
  });

  test('types are told with the shortest way to them', () => {
    const small = buildSchema(`
      type Query { a(id: ID!): A as: As d(name: String, first: Int): D }
      type D { name: String }
      type As { nodes: [A!]! }
      type A { b(c: Int!): B! }
      type B { c: Int }
      type Never { c: Int }
    `);
    const ways = waysThrough(small);
    const b = small.getType('B')!;
    expect(ways.to(small.getType('A')!)).toBe('a');
    expect(ways.to(b)).toBe('a { b }');
    expect(ways.to(small.getType('Never')!)).toBeUndefined();
    // What all may be left out of is nothing without what says which one it is.
    const query = small.getQueryType()!;
    expect(ways.example(query, query.getFields()['d']!)).toBe('query ($name: String) { d(name: $name) { name } }');
    expect(ways.example(b, isObjectType(b) ? b.getFields()['c']! : undefined!)).toBe(
      'query ($id: ID!, $c1: Int!) { a(id: $id) { b(c: $c1) { c } } }',
    );
  });
});
