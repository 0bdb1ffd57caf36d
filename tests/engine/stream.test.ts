import { setImmediate } from 'node:timers/promises';
import { parse } from 'graphql';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { IncrementalResult } from '#gateway/execute/answers/incremental-result.ts';
import { Budget } from '#subgraphs/shared/budget.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { federate, testContext, type Federation } from './federation.ts';

/** A list whose items the test gives one by one, and what became of its reading. */
class Source implements AsyncIterableIterator<unknown> {
  asked = 0;
  returned = 0;
  readonly #items: unknown[] = [];
  #waiting: ((result: IteratorResult<unknown>) => void) | undefined;

  give(...items: unknown[]): void {
    this.#items.push(...items);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) void this.#take().then(waiting);
  }

  next(): Promise<IteratorResult<unknown>> {
    this.asked += 1;
    return this.#take();
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.returned += 1;
    this.give(END);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Promise<IteratorResult<unknown>> {
    if (this.#items.length === 0) return new Promise((resolve) => (this.#waiting = resolve));
    const item = this.#items.shift();
    if (item instanceof Error) return Promise.reject(item);
    return Promise.resolve(item === END ? { done: true, value: undefined } : { done: false, value: item });
  }
}

const END = Symbol('end');

const book = (id: number): { id: string; title: string } => ({ id: String(id), title: `Book ${id}` });

/** A shop of books, whose stars another subgraph knows. */
function shop(books: () => unknown) {
  return {
    books: {
      typeDefs: `type Query { books: [Book!] anyBooks: [Book] numbers: [Int!] shelf: Shelf shelves: [Shelf!] }
        type Mutation { fill: Shelf } type Shelf @key(fields: "id") { id: ID! books: [Book!]! }
        type Book @key(fields: "id") { id: ID! title: String! }`,
      resolvers: {
        Query: {
          books,
          anyBooks: books,
          numbers: books,
          shelf: () => ({ id: 's1' }),
          shelves: () => [{ id: 's1' }, { id: 's2' }],
        },
        Mutation: { fill: () => ({ id: 's1' }) },
        Shelf: { books },
      },
    },
    stars: {
      typeDefs: `type Book @key(fields: "id") { id: ID! stars: Int rating: Int! } type Shelf @key(fields: "id") { id: ID! others: [Book!] }`,
      resolvers: {
        Book: {
          stars: ({ id }: { id: string }) => Number(id) % 5,
          rating: ({ id }: { id: string }) => (id === '3' ? null : 5),
        },
        Shelf: { others: books },
      },
    },
  };
}

/** What the lists of the shop are in the test at hand. */
let books: () => unknown = () => [];
let source: Source;
let federation: Federation;

beforeAll(async () => {
  federation = await federate(
    shop(() => books()),
    // Long, so that a busy machine cuts no batch in two: what is given together is told together.
    { inThread: true, streamedWaitMs: 1_000 },
  );
});

beforeEach(() => {
  source = new Source();
  books = () => source;
  federation.calls.length = 0;
});

afterAll(() => federation.engine.close());

type Messages = AsyncIterableIterator<IncrementalResult>;

async function open(
  query: string,
  variables: Record<string, unknown> = {},
  context = testContext(),
): Promise<Messages> {
  const result = await federation.engine.executeIncrementally!({ document: parse(query), variables, context });
  if (!(Symbol.asyncIterator in result)) throw new Error(`No stream: ${JSON.stringify(result)}`);
  return result as Messages;
}

const next = async (messages: Messages): Promise<IncrementalResult | undefined> => {
  const { value, done } = await messages.next();
  return done === true ? undefined : (JSON.parse(JSON.stringify(value)) as IncrementalResult);
};

async function all(messages: Messages): Promise<IncrementalResult[]> {
  const seen: IncrementalResult[] = [];
  for (let message = await next(messages); message !== undefined; message = await next(messages)) seen.push(message);
  return seen;
}

/** An answer that must not come in parts. */
async function whole(query: string, variables: Record<string, unknown> = {}): Promise<unknown> {
  const answer = await federation.engine.executeIncrementally!({
    document: parse(query),
    variables,
    context: testContext(),
  });
  expect(Symbol.asyncIterator in answer).toBe(false);
  return JSON.parse(JSON.stringify(answer));
}

/** What stands in each message, for what is long to write. */
const patchesOf = (messages: readonly IncrementalResult[]) => messages.flatMap(({ incremental }) => incremental ?? []);

test('items come as the subgraph gives them, behind the first', async () => {
  source.give(book(1), book(2));
  const messages = await open('{ books @stream(initialCount: 1, label: "b") { title } }');
  expect(await next(messages)).toEqual({ data: { books: [{ title: 'Book 1' }] }, hasNext: true });
  expect(await next(messages)).toEqual({
    incremental: [{ items: [{ title: 'Book 2' }], path: ['books', 1], label: 'b' }],
    hasNext: true,
  });
  source.give(book(3), book(4), END);
  expect(await all(messages)).toEqual([
    {
      incremental: [{ items: [{ title: 'Book 3' }, { title: 'Book 4' }], path: ['books', 2], label: 'b' }],
      hasNext: false,
    },
  ]);
  expect(source.returned).toBe(0);
});

test('each batch asks other subgraphs once', async () => {
  source.give(...[1, 2, 3].map(book));
  const messages = await open('{ books @stream(initialCount: 2) { id stars } }');
  expect(await next(messages)).toEqual({
    data: {
      books: [
        { id: '1', stars: 1 },
        { id: '2', stars: 2 },
      ],
    },
    hasNext: true,
  });
  expect(await next(messages)).toEqual({
    incremental: [{ items: [{ id: '3', stars: 3 }], path: ['books', 2] }],
    hasNext: true,
  });
  source.give(...[4, 5, 6].map(book), END);
  const [last] = await all(messages);
  expect(last!.incremental).toMatchObject([{ items: [{ stars: 4 }, { stars: 0 }, { stars: 1 }], path: ['books', 3] }]);
  const asked = federation.calls.filter(({ service }) => service === 'stars');
  expect(asked.map(({ variables }) => (variables.representations as unknown[]).length)).toEqual([2, 1, 3]);
  expect(federation.calls).toHaveLength(4);
});

test('without a stream, or with `if: false`, a list that comes item by item is whole', async () => {
  books = async function* () {
    for (const id of [1, 2, 3]) {
      await setImmediate();
      yield book(id);
    }
  };
  const data = { books: [1, 2, 3].map((id) => ({ id: String(id), stars: id })) };
  expect(await whole('{ books { id stars } }')).toEqual({ data });
  expect(await whole('{ books @stream(if: false) { id stars } }')).toEqual({ data });
  const query = 'query ($s: Boolean!) { books @stream(if: $s) { id stars } }';
  expect(await whole(query, { s: false })).toEqual({ data });
  expect(await federation.run(query, { s: true })).toMatchObject({ data });
});

test('an array is whole, in its place, and so is a list within a list, and one that two parts of the answer have', async () => {
  books = () => [book(1), book(2)];
  const data = [{ id: '1' }, { id: '2' }];
  expect(await whole('{ books @stream { id } }')).toEqual({ data: { books: data } });
  books = () =>
    (async function* () {
      yield* [book(1), book(2)];
    })();
  expect(await whole('{ shelves { books @stream { id } } }')).toEqual({
    data: { shelves: [{ books: data }, { books: data }] },
  });
  const messages = await open('{ shelf { id books @stream { id } } ... @defer { shelf { books @stream { id } } } }');
  expect(await next(messages)).toEqual({ data: { shelf: { id: 's1', books: data } }, hasNext: true });
  expect(patchesOf(await all(messages))).toEqual([{ data: { shelf: { books: data } }, path: [] }]);
});

test('an empty list, one that ends with its first items, and one of which nothing more comes', async () => {
  source.give(END);
  expect(await all(await open('{ books @stream { id } }'))).toEqual([
    { data: { books: [] }, hasNext: true },
    { hasNext: false },
  ]);
  source.give(book(1), END);
  expect(await whole('{ books @stream(initialCount: 5) { id } }')).toEqual({ data: { books: [{ id: '1' }] } });
  source.give(book(1), END);
  expect(await all(await open('{ books @stream(initialCount: 1) { id } }'))).toEqual([
    { data: { books: [{ id: '1' }] }, hasNext: true },
    { hasNext: false },
  ]);
  books = () => null;
  expect(await whole('{ books @stream { id } }')).toEqual({ data: { books: null } });
});

test('leaves, aliases, and a list of an object that another subgraph has', async () => {
  source.give(1, 2, 3, END);
  expect(await all(await open('{ n: numbers @stream(initialCount: 1) }'))).toEqual([
    { data: { n: [1] }, hasNext: true },
    { incremental: [{ items: [2, 3], path: ['n', 1] }], hasNext: false },
  ]);
  source.give(book(1), book(2), END);
  const query = '{ s: shelf { __proto__: others @stream(initialCount: 1) { toString: stars id } } }';
  expect(await all(await open(query))).toEqual([
    JSON.parse('{"data": {"s": {"__proto__": [{"toString": 1, "id": "1"}]}}, "hasNext": true}'),
    { incremental: [{ items: [{ toString: 2, id: '2' }], path: ['s', '__proto__', 1] }], hasNext: false },
  ]);
});

test("a mutation's payload streams, its own fields do not", async () => {
  source.give(book(1), END);
  expect(await all(await open('mutation { fill { books @stream { id } } }'))).toEqual([
    { data: { fill: { books: [] } }, hasNext: true },
    { incremental: [{ items: [{ id: '1' }], path: ['fill', 'books', 0] }], hasNext: false },
  ]);
});

test('an error in the middle ends the list with an error at its path, after what came before', async () => {
  source.give(book(1), book(2), book(3), new Error('torn'));
  expect(await all(await open('{ books @stream(initialCount: 1, label: "l") { id } }'))).toMatchObject([
    { data: { books: [{ id: '1' }] }, hasNext: true },
    {
      incremental: [
        { items: [{ id: '2' }, { id: '3' }], path: ['books', 1], label: 'l' },
        { items: null, path: ['books', 3], label: 'l', errors: [{ message: 'torn', path: ['books'] }] },
      ],
      hasNext: false,
    },
  ]);
  source.give(book(1), new Error('torn at once'));
  expect(await whole('{ books @stream(initialCount: 2) { id } }')).toMatchObject({
    data: { books: null },
    errors: [{ message: 'torn at once', path: ['books'] }],
  });
});

test('a null that must not be ends the list; one that may be, and a failed field, do not', async () => {
  source.give(book(1), book(2), null, book(4));
  expect(await all(await open('{ books @stream(initialCount: 1) { id } }'))).toMatchObject([
    { data: { books: [{ id: '1' }] } },
    {
      incremental: [
        { items: [{ id: '2' }], path: ['books', 1] },
        { items: null, path: ['books', 2], errors: [{ path: ['books', 2] }] },
      ],
      hasNext: false,
    },
  ]);
  expect(source.returned).toBe(1);
  source = new Source();
  source.give(book(1), null, { id: '3', title: null }, { id: '4', title: new Error('unread') }, book(5), END);
  expect(patchesOf(await all(await open('{ anyBooks @stream(initialCount: 1) { title } }')))).toMatchObject([
    {
      items: [null, null, null, { title: 'Book 5' }],
      path: ['anyBooks', 1],
      errors: [{ path: ['anyBooks', 2, 'title'] }, { path: ['anyBooks', 3, 'title'], message: 'unread' }],
    },
  ]);
});

test('an item that another subgraph leaves a null in ends the list, too', async () => {
  source.give(...[1, 2, 3, 4].map(book));
  expect(await all(await open('{ books @stream(initialCount: 1) { id rating } }'))).toMatchObject([
    { data: { books: [{ id: '1', rating: 5 }] } },
    {
      incremental: [
        { items: [{ id: '2', rating: 5 }], path: ['books', 1] },
        { items: null, path: ['books', 2], errors: [{ path: ['books', 2, 'rating'] }] },
      ],
      hasNext: false,
    },
  ]);
  expect(source.returned).toBe(1);
});

test('what is deferred in the items comes behind them', async () => {
  source.give(...[1, 2, 3].map(book), END);
  const messages = await all(
    await open('{ books @stream(initialCount: 1, label: "s") { id ... @defer(label: "d") { stars } } }'),
  );
  expect(messages[0]).toEqual({ data: { books: [{ id: '1' }] }, hasNext: true });
  const patches = patchesOf(messages);
  expect(patches.filter(({ label }) => label === 's')).toEqual([
    { items: [{ id: '2' }, { id: '3' }], path: ['books', 1], label: 's' },
  ]);
  expect(patches.filter(({ label }) => label === 'd')).toEqual(
    [1, 2, 3].map((stars, index) => ({ data: { stars }, path: ['books', index], label: 'd' })),
  );
  expect(messages.map(({ hasNext }) => hasNext)).toEqual([...messages.slice(1).map(() => true), false]);
});

test('a list in a deferred part streams behind the part', async () => {
  source.give(book(1), book(2), END);
  expect(await all(await open('{ shelf { id } ... @defer { books @stream(initialCount: 1) { id } } }'))).toEqual([
    { data: { shelf: { id: 's1' } }, hasNext: true },
    { incremental: [{ data: { books: [{ id: '1' }] }, path: [] }], hasNext: true },
    { incremental: [{ items: [{ id: '2' }], path: ['books', 1] }], hasNext: false },
  ]);
});

test('the same list twice, under other names, is read twice', async () => {
  const sources = [new Source(), new Source()];
  for (const each of sources) each.give(book(1), book(2), END);
  const [...left] = sources;
  books = () => left.shift();
  const messages = await all(
    await open('{ a: books @stream(label: "a") { id } b: books @stream(label: "b", initialCount: 1) { title } }'),
  );
  expect(messages[0]).toEqual({ data: { a: [], b: [{ title: 'Book 1' }] }, hasNext: true });
  const patches = patchesOf(messages).sort((one, other) => (one.label! < other.label! ? -1 : 1));
  expect(patches).toEqual([
    { items: [{ id: '1' }, { id: '2' }], path: ['a', 0], label: 'a' },
    { items: [{ title: 'Book 2' }], path: ['b', 1], label: 'b' },
  ]);
});

test('whoever does not read stops the reading, and whoever leaves ends it', async () => {
  let asked = 0;
  let returned = 0;
  books = () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: book(asked++) }),
      return: () => Promise.resolve({ done: true, value: (returned += 1) }),
    }),
  });
  const messages = await open('{ books @stream(initialCount: 3) { id } }');
  await next(messages);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  expect(asked).toBe(103);
  await next(messages);
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  expect(asked).toBe(203);
  await messages.return!();
  expect(returned).toBe(1);
  expect(await next(messages)).toBeUndefined();
});

test('a client that leaves while an item is waited for ends the list', async () => {
  const leaving = new AbortController();
  const messages = await open('{ books @stream { id } }', {}, testContext({ signal: leaving.signal }));
  await next(messages);
  const waiting = next(messages);
  leaving.abort(new DOMException('gone', 'AbortError'));
  expect(await waiting).toMatchObject({ incremental: [{ items: null, path: ['books', 0] }], hasNext: false });
  expect(source.returned).toBe(1);
});

test('a list that nobody reads to its end, and that lost its place, is ended', async () => {
  books = () => source;
  source.give(book(1));
  const answer = whole('{ books { id } }');
  await setImmediate();
  source.give(null);
  expect(await answer).toMatchObject({ data: { books: null } });
  expect(source.returned).toBe(1);
});

const rich = (nodes: number, bytes = 1e9) => {
  const ending = new AbortController();
  return createRequestContext(
    { tenantId: 'test', subject: 'tester', roles: [], scopes: [] },
    { signal: ending.signal, budget: new Budget({ nodes, bytes, errors: 3 }, (error) => ending.abort(error)) },
  );
};

test('the budget counts over the whole stream, and ends one without an end', async () => {
  let ended = 0;
  const endless = (item: (id: number) => unknown) =>
    async function* () {
      try {
        for (let id = 0; ; id++) {
          if (id > 200_000) throw new Error('Nobody ended it.');
          yield item(id);
        }
      } finally {
        ended += 1;
      }
    };
  for (const [query, item] of [
    ['{ books @stream(initialCount: 1) { id } }', book],
    ['{ numbers @stream }', (id: number) => id],
  ] as const) {
    books = endless(item);
    const seen = await all(await open(query, {}, rich(250)));
    expect(seen.at(-1)).toMatchObject({
      incremental: [{ items: null, errors: [{ extensions: { code: 'QUERY_TOO_COSTLY' } }] }],
      hasNext: false,
    });
    expect(patchesOf(seen).length).toBeGreaterThan(1);
  }
  books = endless(book);
  for (const query of ['{ books { id } }', '{ books @stream(initialCount: 2147483647) { id } }']) {
    const document = parse(query);
    expect(await federation.engine.executeIncrementally!({ document, context: rich(250) })).toMatchObject({
      errors: [{ extensions: { code: 'QUERY_TOO_COSTLY' } }],
    });
  }
  expect(ended).toBe(4);
});

test('errors are counted over the whole stream', async () => {
  source.give(book(0), ...[1, 2].map((id) => ({ id, title: new Error('unread') })));
  const messages = await open('{ anyBooks @stream(initialCount: 1) { title } }', {}, rich(1e6));
  await next(messages);
  expect((await next(messages))!.incremental![0]!.errors).toHaveLength(2);
  source.give(...[3, 4, 5].map((id) => ({ id, title: new Error('unread') })), END);
  const [patch] = patchesOf(await all(messages));
  expect(patch!.errors!.map(({ extensions }) => extensions.code)).toEqual(['INTERNAL_SERVER_ERROR', 'TOO_MANY_ERRORS']);
});

test.each([
  ['query ($n: Int = 1) { books @stream(initialCount: $n) { id } }', { n: null }],
  ['query ($n: Int! = 1) { books @stream(initialCount: $n, label: "l") { id } }', { n: -1 }],
])('%s with %j is refused, and nothing is asked', async (query, variables) => {
  expect(await whole(query, variables)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
  expect(federation.calls).toEqual([]);
});

test('`initialCount` may come as a variable, or not at all', async () => {
  const query = 'query ($n: Int = 1) { books @stream(initialCount: $n) { id } }';
  for (const [variables, count] of [
    [{}, 1],
    [{ n: 2 }, 2],
    [{ n: 0 }, 0],
  ] as const) {
    source = new Source();
    source.give(book(1), book(2), book(3), END);
    expect((await next(await open(query, variables)))!.data!.books).toHaveLength(count);
  }
});

test.each([
  ['has no `return`', { next: () => Promise.resolve({ done: false, value: null }) }, 'Cannot return null'],
  ['answers at once', { next: () => ({ done: false, value: null }) }, 'Cannot return null'],
  [
    'throws instead of a promise',
    {
      next: () => {
        throw new Error('no promise');
      },
    },
    'no promise',
  ],
  ['gives no result', { next: () => Promise.resolve(undefined) }, 'undefined'],
  [
    'will not be ended',
    {
      next: () => Promise.resolve({ done: false, value: null }),
      return: () => {
        throw new Error('I go on');
      },
    },
    'Cannot return null',
  ],
])('an iterator that %s costs its own list', async (_, iterator, message) => {
  books = () => ({ [Symbol.asyncIterator]: () => iterator });
  const seen = await all(await open('{ books @stream { id } array: shelf { id } }'));
  expect(seen[0]).toEqual({ data: { books: [], array: { id: 's1' } }, hasNext: true });
  expect(seen.slice(1)).toMatchObject([
    {
      incremental: [
        { items: null, path: ['books', 0], errors: [{ message: expect.stringContaining(message) as string }] },
      ],
      hasNext: false,
    },
  ]);
});

test('an iterable that gives no iterator is an error of its field', async () => {
  books = () => ({
    [Symbol.asyncIterator]: () => {
      throw new Error('none');
    },
  });
  expect(await whole('{ books @stream { id } }')).toMatchObject({
    data: { books: null },
    errors: [{ path: ['books'] }],
  });
});

test('of very many streams the first 32 come item by item, and the others whole', async () => {
  books = async function* () {
    await setImmediate();
    yield* [book(1), book(2)];
  };
  const names = Array.from({ length: 1_000 }, (_, index) => `b${index}`);
  const messages = await all(
    await open(`{ ${names.map((name) => `${name}: books @stream(label: "${name}") { id }`).join(' ')} }`),
  );
  const lengths = names.map((name) => (messages[0]!.data![name] as unknown[]).length);
  expect(lengths).toEqual(names.map((_, index) => (index < 32 ? 0 : 2)));
  expect(new Set(patchesOf(messages).map(({ label }) => label))).toEqual(new Set(names.slice(0, 32)));
});

test('resolvers of later items know their place', async () => {
  const places: unknown[] = [];
  books = async function* () {
    for (let id = 0; id < 3; id++) {
      await setImmediate();
      yield {
        id: String(id),
        title: (_: unknown, __: unknown, info: { path: { prev?: { key: unknown } } }) => {
          places.push(info.path.prev!.key);
          return 'x';
        },
      };
    }
  };
  await all(await open('{ books @stream(initialCount: 1) { title } }'));
  expect(places).toEqual([0, 1, 2]);
});
