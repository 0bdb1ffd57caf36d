/** `__search` and `__definitions`: on every transport, within bounds, beside ordinary fields; and seen by nobody who does not ask. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  graphqlSync,
  parse,
  printSchema,
  validate,
  validateSchema,
  type GraphQLSchema,
  type IntrospectionQuery,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schemaSearch } from '#gateway/agents/schema-search.ts';
import { RESPOND } from '#gateway/bounds/respond.ts';
import { addSemanticIntrospection } from '#gateway/respond/semantic-introspection.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { openSocket, WAYS_IN } from './ways-in.ts';

let it: TestServer;
beforeAll(async () => {
  it = await startTestServer({ MAX_BATCH_OPERATIONS: '5' });
});
afterAll(async () => await it[Symbol.asyncDispose]());

interface Result {
  coordinate: string;
  score: number;
  cursor: string;
  pathsToRoot: string[][];
  definition: Record<string, unknown>;
}
interface Answer {
  data?: Record<string, unknown> | null;
  errors?: { message: string; path?: unknown[]; extensions: Record<string, unknown> }[];
}

async function ask(query: string, variables?: Record<string, unknown>): Promise<Answer> {
  const { answer } = await WAYS_IN['POST']!(it.url, { query, ...(variables && { variables }) });
  return answer as Answer;
}
const search = async (args: string, fields = 'coordinate score cursor'): Promise<Result[]> => {
  const { data, errors } = await ask(`{ __search(${args}) { ${fields} } }`);
  expect(errors).toBeUndefined();
  return data!['__search'] as Result[];
};
const refusal = async (query: string, variables?: Record<string, unknown>): Promise<unknown> => {
  const { data, errors } = await ask(query, variables);
  expect(data ?? null).toBeNull();
  return errors![0]!.extensions['code'];
};

const BOTH = `query ($q: String!, $on: Boolean = false) {
  __typename
  reviewCount
  ...Found
  again: __search(query: "stars", first: 1) @skip(if: $on) { ...Hit }
  gone: __search(query: "stars") @include(if: $on) { coordinate }
  __definitions(coordinates: ["Book", "Query.nothing", "Query.book(id:)", "Book.stars"]) {
    __typename
    ... on __Type { typeName: name kind fields { name } }
    ... on __Field { fieldName: name description }
    ... on __InputValue { argument: name }
  }
}
fragment Found on Query { found: __search(query: $q, first: 3) { ...Hit } }
fragment Hit on __SearchResult { coordinate pathsToRoot definition { ... on __Field { name type { name } } } }`;

describe('on every transport', () => {
  test.each(Object.entries(WAYS_IN))('%s', async (_, send) => {
    const { answer } = await send(it.url, { query: BOTH, variables: { q: 'how many reviews are there of each book' } });
    expect(answer.errors).toBeUndefined();
    expect(answer.data).toMatchObject({
      __typename: 'Query',
      found: [
        { coordinate: 'Query.reviewCount', pathsToRoot: [['Query.reviewCount']], definition: { name: 'reviewCount' } },
        { definition: {} },
        { definition: {} },
      ],
      again: [{ coordinate: 'Book.stars', definition: { name: 'stars', type: { name: 'Int' } } }],
      __definitions: [
        { __typename: '__Type', typeName: 'Book', kind: 'OBJECT' },
        { __typename: '__InputValue', argument: 'id' },
        { __typename: '__Field', fieldName: 'stars' },
      ],
    });
    expect(answer.data).not.toHaveProperty('gone');
  });

  test('in a batch, and several on one socket', async () => {
    const query = '{ __search(query: "book", first: 1) { coordinate } }';
    const response = await fetch(`${it.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ query }, { query: '{ __definitions(coordinates: ["Book"]) { __typename } }' }]),
    });
    expect(await response.json()).toEqual([
      { data: { __search: [{ coordinate: expect.any(String) as string }] } },
      { data: { __definitions: [{ __typename: '__Type' }] } },
    ]);
    await using socket = await openSocket(it.url);
    for (let times = 0; times < 3; times++) expect((await socket.ask({ query })).answer.data).toBeDefined();
  });

  test('of the query alone', async () => {
    for (const operation of ['mutation', 'subscription'])
      expect(await refusal(`${operation} { __search(query: "x") { cursor } }`)).toBe('GRAPHQL_VALIDATION_FAILED');
  });
});

describe('what is found', () => {
  test('the best first, with scores from 1 down; in pages that have each once', async () => {
    const all = await search('query: "book title", first: 100');
    expect(all.length).toBeGreaterThan(5);
    expect(all[0]!.score).toBe(1);
    expect(all.every(({ score }, at) => score > 0 && score <= (all[at - 1]?.score ?? 1))).toBe(true);
    const paged: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await search(`query: "book title", first: 2${after === undefined ? '' : `, after: "${after}"`}`);
      paged.push(...page.map(({ coordinate }) => coordinate));
      if (page.length < 2) break;
      after = page.at(-1)!.cursor;
    }
    expect(paged).toEqual(all.map(({ coordinate }) => coordinate));
    const some = await search('query: "book title", first: 100, minScore: 0.5');
    expect(some.map(({ coordinate }) => coordinate)).toEqual(
      all.filter(({ score }) => score >= 0.5).map(({ coordinate }) => coordinate),
    );
    expect(await search('query: "book title", minScore: 1.1')).toEqual([]);
  });

  test('each of them has a definition, and `__definitions` has the same', async () => {
    const fields =
      'coordinate definition { __typename ... on __Type { t: name } ... on __Field { f: name args { name } } ... on __InputValue { i: name } }';
    const found = await search('query: "text of a book in a list", first: 100', fields);
    const { data } = await ask(
      `query ($c: [String!]!) { __definitions(coordinates: $c) { __typename ... on __Type { t: name } ... on __Field { f: name args { name } } ... on __InputValue { i: name } } }`,
      { c: found.map(({ coordinate }) => coordinate) },
    );
    expect(data!['__definitions']).toEqual(found.map(({ definition }) => definition));
    expect(new Set(found.map(({ definition }) => definition['__typename']))).toEqual(
      new Set(['__Field', '__Type', '__InputValue']),
    );
  });

  test('ways from the root are ways: each step leads to the next', async () => {
    const found = await search('query: "book similar text echo stored bytes", first: 100', 'coordinate pathsToRoot');
    const path = (coordinate: string): string[][] => found.find((each) => each.coordinate === coordinate)!.pathsToRoot;
    expect(path('Book.similar')[0]).toEqual(['Query.book', 'Book.similar']);
    expect(path('Stored.bytes')).toEqual([['Mutation.store', 'Stored.bytes']]);
    expect(path('In.text')[0]).toEqual(['Query.echo(any:)', 'In.text']);
    expect(found.every(({ pathsToRoot }) => pathsToRoot.length <= 3)).toBe(true);
  });

  test('a client learns that there is such a search by `__type`', async () => {
    const { data } = await ask(
      '{ there: __type(name: "__SearchResult") { fields { name } } not: __type(name: "__Searched") { name } }',
    );
    expect(data).toEqual({
      there: { fields: ['coordinate', 'definition', 'pathsToRoot', 'score', 'cursor'].map((name) => ({ name })) },
      not: null,
    });
  });
});

describe('bounds', () => {
  const CURSOR = Buffer.from('["__search:x",1]').toString('base64url');
  test.each([
    ['first: 0', 'query: "book", first: 0'],
    ['first: -1', 'query: "book", first: -1'],
    ['more than there may be', `query: "book", first: ${RESPOND.definitions + 1}`],
    ['no cursor', 'query: "book", after: "x"'],
    ['a cursor of another search', `query: "book", after: "${CURSOR}"`],
    ['a long text', `query: "${'book '.repeat(200)}"`],
  ])('%s is refused', async (_, args) => {
    expect(await refusal(`{ __search(${args}) { coordinate } }`)).toBe('BAD_USER_INPUT');
  });

  test.each(['', ' ', '???', '__proto__ constructor', '"; DROP TABLE', '\u202e🦀', '{ __schema', '我的书'])(
    'whatever is searched for is answered: %j',
    async (q) => {
      const { data, errors } = await ask('query ($q: String!) { __search(query: $q) { coordinate } }', { q });
      expect(errors).toBeUndefined();
      expect(Array.isArray(data!['__search'])).toBe(true);
    },
  );

  test('coordinates of nothing, and what are none, are passed over; too many are refused', async () => {
    const odd = ['', 'Nope', 'Nope.x', 'Book.', '.title', 'Book.title(', '@nope', 'Query.__proto__', 'constructor'];
    const { data } = await ask('query ($c: [String!]!) { __definitions(coordinates: $c) { __typename } }', {
      c: [...odd, 'x'.repeat(10_000), 'Book.title', '@skip', '@skip(if:)', '__TypeKind.ENUM', 'Query.__search'],
    });
    expect((data!['__definitions'] as { __typename: string }[]).map(({ __typename }) => __typename)).toEqual([
      '__Field',
      '__Directive',
      '__InputValue',
      '__EnumValue',
      '__Field',
    ]);
    const many = { c: Array.from({ length: RESPOND.definitions + 1 }, () => 'Book') };
    expect(await refusal('query ($c: [String!]!) { __definitions(coordinates: $c) { __typename } }', many)).toBe(
      'BAD_USER_INPUT',
    );
  });

  test('an operation has so many texts; the same one is one, and counts what it costs', async () => {
    const searches = (count: number, text: (index: number) => string): string =>
      `{ ${Array.from({ length: count }, (_, index) => `s${index}: __search(query: ${JSON.stringify(text(index))}, first: 1) { coordinate }`).join(' ')} }`;
    expect((await ask(searches(RESPOND.searches, String))).errors).toBeUndefined();
    expect((await ask(searches(15, () => 'book'))).errors).toBeUndefined();
    const { errors } = await ask(searches(RESPOND.searches + 1, String));
    expect(errors).toMatchObject([{ path: [`s${RESPOND.searches}`], extensions: { code: 'QUERY_TOO_COSTLY' } }]);

    await using poor = await startTestServer({ MAX_COST: '250' });
    const cost = async (query: string): Promise<unknown> =>
      (await WAYS_IN['POST']!(poor.url, { query })).answer.errors?.[0]?.extensions['code'];
    expect(await cost(searches(2, () => 'book'))).toBeUndefined();
    expect(await cost(searches(3, () => 'book'))).toBe('QUERY_TOO_COSTLY');
    const wide = `{ __definitions(coordinates: [${'"Book" '.repeat(150)}]) { ... on __Type { fields { name args { name } } } } }`;
    expect(await cost(wide)).toBe('QUERY_TOO_COSTLY');
  });
});

test('where lists of operations bind, it does what is listed and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-search-'));
  try {
    const query = 'query Find($q: String!) { __search(query: $q, first: 1) { coordinate } }';
    const path = join(folder, 'list.json');
    const id = createHash('sha256').update(query).digest('hex');
    await writeFile(path, JSON.stringify({ [id]: query }));
    await using server = await startTestServer({ PERSISTED_OPERATIONS: path, PERSISTED_OPERATIONS_MODE: 'only' });
    const listed = await WAYS_IN['POST']!(server.url, { query, variables: { q: 'reviews' } });
    expect(listed.answer).toEqual({ data: { __search: [{ coordinate: 'Query.reviewCount' }] } });
    for (const other of [
      '{ __search(query: "x") { coordinate } }',
      '{ __definitions(coordinates: ["Book"]) { __typename } }',
    ]) {
      const { answer, text } = await WAYS_IN['POST']!(server.url, { query: other });
      expect(answer.data).toBeUndefined();
      expect(text).not.toContain('reviewCount');
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe('whoever does not ask sees nothing of it', () => {
  let sdl: string;
  let schema: GraphQLSchema;
  beforeAll(async () => {
    sdl = await readFile('gateway/supergraph/api.graphql', 'utf8');
    schema = buildSchema(sdl, { assumeValid: true });
    addSemanticIntrospection(schema);
  });

  test('printed schemas and introspection stay as they are, and are valid to clients', () => {
    const plain = buildSchema(sdl, { assumeValid: true });
    expect(printSchema(schema)).toBe(printSchema(plain));
    const asked = { source: getIntrospectionQuery() };
    const told = graphqlSync({ schema, ...asked });
    expect(told).toEqual(graphqlSync({ schema: plain, ...asked }));
    expect(validateSchema(buildClientSchema(told.data as unknown as IntrospectionQuery))).toEqual([]);
    expect(validateSchema(schema)).toEqual([]);
  });

  test('operations with it are validated as others are', () => {
    const errorsOf = (query: string): string[] => validate(schema, parse(query)).map(({ message }) => message);
    expect(errorsOf('{ __search(query: "x") { definition { ... on __Type { name } } } }')).toEqual([]);
    expect(errorsOf('{ __search { coordinate } }')).toMatchObject([/"query" of type "String!" is required/]);
    expect(errorsOf('{ __search(query: "x", last: 1) { coordinate } }')).toMatchObject([/Unknown argument "last"/]);
    expect(errorsOf('{ __search(query: "x") }')).toMatchObject([/must have a selection of subfields/]);
    expect(errorsOf('{ __search(query: "x") { definition { name } } }')).toHaveLength(1);
    expect(errorsOf('query ($f: Int) { __search(query: "x", first: $f) { score } }')).toEqual([]);
    expect(errorsOf('query ($q: Int!) { __search(query: $q) { score } }')).toHaveLength(1);
    expect(errorsOf('{ documents { nodes { __search(query: "x") { score } } } }')).toHaveLength(1);
  });

  test('every path of every part of the API leads there', async () => {
    const { finder } = schemaSearch(schema);
    let paths = 0;
    for (const question of ['documents of an agent', 'filter runs by status', 'events', 'share', 'aggregate usage'])
      for (const { coordinate, pathsToRoot } of await finder.find(question))
        for (const path of pathsToRoot()) {
          paths++;
          expect(path[0]).toMatch(/^(Query|Mutation|Subscription)\./);
          if (coordinate.includes('.')) expect(path.at(-1)).toBe(coordinate);
        }
    expect(paths).toBeGreaterThan(500);
  });
});
