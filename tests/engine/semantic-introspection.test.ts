/** `__search` and `__definitions` in the engine: below the root, in events, in parts of answers, and where searching fails. */
import { parse, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { schemaSearches } from '#gateway/agents/schema-search.ts';
import type { IncrementalResult } from '#gateway/execute/answers/incremental-result.ts';
import type { JsonText } from '#gateway/respond/json-text.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { federate, received, testContext, type Federation } from './federation.ts';
import { federateIntrospected } from './introspected.ts';
import folder from './conformance/introspection-below/case.ts';

const FOUND = { coordinate: 'Thing.name' };
const HIT = 'query: "name of thing", first: 1';

/** What was searched for. */
const asked: string[] = [];
let failure: Error | undefined;
let federation: Federation;
beforeAll(async () => {
  const searches = schemaSearches();
  federation = await federateIntrospected({
    finderOf: (schema) => ({
      find: async (question) => {
        asked.push(question);
        if (failure !== undefined) throw failure;
        return await searches(schema).finder.find(question);
      },
    }),
  });
});
afterAll(() => federation.engine.close());

test('below the root, once for each text, as objects and as text', async () => {
  const query = `query ($q: String = "name of thing") {
    selves { __search(query: $q, first: 1) { coordinate } }
    self { other found: __search(${HIT}) { coordinate } __definitions(coordinates: ["Thing.id"]) { ... on __Field { name } } }
    none { __search(${HIT}) { coordinate } }
  }`;
  const data = {
    selves: [{ __search: [FOUND] }, { __search: [FOUND] }],
    self: { other: 'o', found: [FOUND], __definitions: [{ name: 'id' }] },
    none: null,
  };
  asked.length = 0;
  expect(received(await federation.run(query))).toEqual({ data });
  expect(asked).toEqual(['name of thing']);
  const document = parse(query);
  const result = await federation.engine.execute({ document, context: testContext(), asText: true });
  expect((result.data as unknown as JsonText).text).toBe(JSON.stringify(data));
});

test('in the payload of a mutation and of an event', async () => {
  const within = `query { __search(${HIT}) { coordinate } other } thing { name }`;
  const payload = { query: { __search: [FOUND], other: 'o' }, thing: { name: 'n' } };
  expect(received(await federation.run(`mutation { change { ${within} } }`))).toEqual({ data: { change: payload } });
  const document = parse(`subscription { changes { ${within} } }`);
  const stream = await federation.engine.subscribe({ document, context: testContext() });
  const events: ExecutionResult[] = [];
  for await (const event of stream as AsyncIterable<ExecutionResult>) events.push(received(event));
  expect(events).toEqual([{ data: { changes: payload } }]);
});

test('in a deferred part; `@stream` on it leaves it whole', async () => {
  const { engine } = federation;
  const of = async (query: string): Promise<IncrementalResult[]> => {
    const answer = await engine.executeIncrementally!({ document: parse(query), context: testContext() });
    if (!(Symbol.asyncIterator in answer)) return [answer as IncrementalResult];
    const parts: IncrementalResult[] = [];
    for await (const part of answer) parts.push(part);
    return parts;
  };
  const parts = await of(`{ self { other } ... @defer { late: self { __search(${HIT}) { coordinate } other } } }`);
  expect(parts.length).toBeGreaterThan(1);
  expect(JSON.stringify(parts)).toContain('"__search":[{"coordinate":"Thing.name"}]');
  expect(JSON.stringify(await of(`{ self { other } __search(${HIT}) @stream { coordinate } }`))).toContain(
    '"__search":[{"coordinate":"Thing.name"}]',
  );
});

test('what is left out is not searched for', async () => {
  asked.length = 0;
  const query = `query ($no: Boolean = false) {
    self { other }
    __search(query: "one") @include(if: $no) { coordinate }
    ... @skip(if: true) { two: __search(query: "two") { coordinate } }
  }`;
  expect(received(await federation.run(query))).toEqual({ data: { self: { other: 'o' } } });
  expect(asked).toEqual([]);
});

test('where searching fails, what must not be null around it is lost to one error, and nothing else', async () => {
  try {
    const query = `{ self { other } selves { __search(${HIT}) { coordinate } } none { other } }`;
    for (const asText of [false, true]) {
      failure = new CodedError('STORE_UNAVAILABLE', 'The embedder cannot be read.', { hint: 'Install again.' });
      const { data, errors } = await federation.engine.execute({
        document: parse(query),
        context: testContext(),
        asText,
      });
      const shown = asText
        ? (JSON.parse((data as unknown as JsonText).text) as unknown)
        : received({ data: data! }).data;
      expect(shown).toEqual({ self: { other: 'o' }, selves: null, none: null });
      expect(errors).toMatchObject([
        { path: ['selves', 0, '__search'], extensions: { code: 'STORE_UNAVAILABLE', hint: 'Install again.' } },
      ]);
    }
    failure = new Error('secret');
    const { errors } = await federation.run(`{ __search(${HIT}) { coordinate } }`);
    expect(errors).toMatchObject([{ message: 'The schema could not be searched.', path: ['__search'] }]);
  } finally {
    failure = undefined;
  }
});

test('an engine that finds nothing has neither field', async () => {
  await using plain = await federate(folder.subgraphs, { inThread: true });
  expect(() => plain.run(`{ __search(${HIT}) { coordinate } }`)).toThrow('Cannot query field "__search"');
});
