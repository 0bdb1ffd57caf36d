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
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { schemaSearch } from '#gateway/agents/schema-search.ts';
import { ADMISSION } from '#gateway/bounds/admission.ts';
import { RESPOND } from '#gateway/bounds/respond.ts';
import { StaticCost } from '#gateway/plan/cost/static-cost.ts';
import { introspecting } from '#gateway/respond/introspection.ts';
import { introspectionSize } from '#gateway/respond/introspection-size.ts';
import { addSemanticIntrospection } from '#gateway/respond/semantic-introspection.ts';
import { startTestServer, type TestServer } from './fixture.ts';
import { Budget } from '#subgraphs/shared/budget.ts';
import { pace } from '#subgraphs/shared/turns.ts';
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

describe('what is asked again and again', () => {
  const WIDE = 'fields { name description args { name description } }';
  const places = (count: number, inner: string): string =>
    `query ($c: [String!]!) { ${Array.from({ length: count }, (_, at) => `a${at}: __definitions(coordinates: $c) { ... on __Type { ${inner} } }`).join(' ')} }`;
  let api: GraphQLSchema;
  let cost: StaticCost;
  beforeAll(async () => {
    const sdl = await readFile('gateway/supergraph/api.graphql', 'utf8');
    api = buildSchema(sdl, { assumeValid: true });
    addSemanticIntrospection(api);
    cost = new StaticCost(api, sdl);
  });
  const of = (query: string, variables: Record<string, unknown> = {}): number =>
    cost.of(parse(query), undefined, variables);

  test('costs what the widest types would', () => {
    const c = Array.from({ length: RESPOND.definitions }, () => 'Query');
    expect(of(places(50, WIDE), { c })).toBeGreaterThan(ADMISSION.cost);
    expect(of(places(8, 'fields { args { type { inputFields { name description } } } }'), { c })).toBeGreaterThan(
      ADMISSION.cost,
    );
    const searches = Array.from(
      { length: 50 },
      (_, at) => `a${at}: __search(query: "filter", first: 150) { definition { ... on __Type { ${WIDE} } } }`,
    );
    expect(of(`{ ${searches.join(' ')} }`)).toBeGreaterThan(ADMISSION.cost);
    const deep = '{ __schema { types { fields { type { fields { type { fields { args { name } } } } } } } } }';
    expect(of(deep)).toBeGreaterThan(ADMISSION.cost);
  });

  test.each(
    [true, false].flatMap((on) => [
      { descriptions: on, inputValueDeprecation: !on, oneOf: on, specifiedByUrl: on },
      { directiveIsRepeatable: on, schemaDescription: on, inputValueDeprecation: on },
    ]),
  )('but whole introspection is affordable: %j', (options) => {
    expect(of(getIntrospectionQuery(options))).toBeLessThan(ADMISSION.cost / 3);
  });

  test('a definition is shown once in a place, and one operation asks for so many', async () => {
    const shown = await ask('{ __definitions(coordinates: ["Book", "Book.title", "Book"]) { __typename } }');
    expect(shown.data).toEqual({ __definitions: [{ __typename: '__Type' }, { __typename: '__Field' }] });
    const several = (count: number): string =>
      `{ ${Array.from({ length: count }, (_, at) => `a${at}: __definitions(coordinates: ${JSON.stringify(Array.from({ length: 100 }, (__, each) => `No${at}.x${each}`))}) { __typename }`).join(' ')} }`;
    const places = RESPOND.coordinates / 100;
    expect((await ask(several(places))).errors).toBeUndefined();
    expect((await ask(several(places + 1))).errors).toMatchObject([
      { path: [`a${places}`], extensions: { code: 'QUERY_TOO_COSTLY' } },
    ]);
  });

  test('is measured before it is answered, and not answered where it is too much', () => {
    const question = (inner: string) => parse(`{ answer: __type(name: "Document") { ${inner} } }`);
    const budget = (nodes: number, bytes: number) => new Budget({ nodes, bytes });
    const answered = (inner: string, given: Budget) =>
      introspecting(api, {}, new Map(), given)(question(inner)).text.length;
    const length = answered(WIDE, budget(10_000, 1_000_000));
    expect(length).toBeGreaterThan(1_000);
    expect(() => answered(WIDE, budget(10, 1_000_000))).toThrow(/more than 10 objects/);
    expect(() => answered(WIDE, budget(10_000, length >> 1))).toThrow(/longer than/);
    const spent = budget(10_000, length * 3);
    const introspect = introspecting(api, {}, new Map(), spent);
    const two = [question(WIDE), question(WIDE)];
    for (const each of two) introspect(each);
    expect(() => [question(WIDE), question(WIDE)].map(introspect)).toThrow(/longer than/);
  });

  test('fragments that spread fragments are looked at once', () => {
    const deep = Array.from({ length: 40 }, (_, at) => `fragment F${at} on __Type { ...F${at + 1} ...F${at + 1} }`);
    const question = parse(`{ __type(name: "Document") { ...F0 } } ${deep.join(' ')} fragment F40 on __Type { name }`);
    const context = { found: new Map(), coordinates: new Set<string>() };
    const { objects, bytes } = introspectionSize(api, question, {}, context, () => undefined);
    expect(objects).toBe(1);
    expect(bytes).toBeLessThan(100);
  });

  test('others have their turn between places, and the answer is the same', async () => {
    const query = `{ ${Array.from({ length: 20 }, (_, at) => `a${at}: __type(name: "Book") { fields { name } } b${at}: __typename`).join(' ')} }`;
    const whole = await ask(query);
    const { stretchMs } = pace;
    const turns = vi.spyOn(globalThis, 'setImmediate');
    try {
      pace.stretchMs = -1;
      for (const send of Object.values(WAYS_IN)) {
        turns.mockClear();
        expect((await send(it.url, { query })).answer).toEqual(whole);
        expect(turns.mock.calls.length).toBeGreaterThanOrEqual(20);
      }
    } finally {
      pace.stretchMs = stretchMs;
      turns.mockRestore();
    }
  });

  test('its size is about that of its answer', () => {
    const question = parse(
      getIntrospectionQuery({ inputValueDeprecation: true }).replace('__schema', 'answer: __schema'),
    );
    const context = { found: new Map(), coordinates: new Set<string>() };
    const { objects, bytes } = introspectionSize(api, question, {}, context, () => undefined);
    const { text } = introspecting(api, {}, new Map(), undefined)(question);
    let there = 0;
    JSON.parse(text, (_, value: unknown) => {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) there++;
      return value;
    });
    expect(objects).toBe(there);
    expect(bytes / text.length).toBeGreaterThan(0.9);
    expect(bytes / text.length).toBeLessThan(1.1);
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
