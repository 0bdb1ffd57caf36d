/** Finding what an API has by plain words; examples that the schema takes. */
import { buildSchema, isInterfaceType, isObjectType, parse, validate, type GraphQLSchema } from 'graphql';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { schemaSearch } from '#gateway/agents/schema-search.ts';
import { waysThrough } from '#gateway/agents/ways-through.ts';
import { embedsBuiltIn } from '#subgraphs/inference/index.ts';
import { LATER_QUESTIONS, SCHEMA_QUESTIONS } from './schema-questions.ts';

let schema: GraphQLSchema;
beforeAll(async () => {
  schema = buildSchema(await readFile('gateway/supergraph/api.graphql', 'utf8'), { assumeValid: true });
});

describe('questions in plain words', () => {
  // The figures of docs/agents.md: more is better, fewer is a fault.
  test.each([
    ['those it was tuned on', SCHEMA_QUESTIONS, 85],
    ['those written afterwards', LATER_QUESTIONS, 24],
  ] as const)('%s are answered within five', async (_, questions, least) => {
    const search = schemaSearch(schema, embedsBuiltIn());
    const named = new Set(
      Object.values(schema.getTypeMap()).flatMap((type) =>
        isObjectType(type) ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`) : [],
      ),
    );
    let hits = 0;
    for (const [question, ...fields] of questions) {
      expect(fields.filter((field) => !named.has(field))).toEqual([]);
      const found = await search.ranked(question, 5);
      if (found.some((each) => fields.includes(each))) hits++;
    }
    expect(hits).toBeGreaterThanOrEqual(least);
  });

  test('an answer is short, and has or names the best five', async () => {
    const search = schemaSearch(schema);
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
      type Query { a(id: ID!): A as: As }
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
    expect(ways.example(b, isObjectType(b) ? b.getFields()['c']! : undefined!)).toBe(
      'query ($id: ID!, $c1: Int!) { a(id: $id) { b(c: $c1) { c } } }',
    );
  });
});
