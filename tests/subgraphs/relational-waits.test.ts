/** Waiting for documents to be indexed, and following that: between two replicas on one database. */
import { execute, graphql, parse, subscribe, type ExecutionResult } from 'graphql';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRelational } from '#subgraphs/relational/index.ts';
import { disabledDriver } from '#subgraphs/relational/drivers/disabled.ts';
import { createPostgresDriver } from '#subgraphs/relational/drivers/postgres/index.ts';
import { postgresChanges } from '#subgraphs/relational/drivers/postgres/outbox-changes.ts';
import { parseChange } from '#subgraphs/relational/indexing/changes.ts';
import { IndexingHub } from '#subgraphs/relational/indexing/hub.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { storeUnavailable } from '#subgraphs/shared/errors.ts';
import { documentId } from '#subgraphs/shared/ids.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { isShared } from '#subgraphs/shared/shared-events.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';
import { contextOf, createRelationalFixture, note, type RelationalFixture } from './relational-fixture.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are looked into, and a wrong shape fails the test */
let fixture: RelationalFixture;
let elsewhere: Subgraph;
let postgres: Postgres;
beforeAll(async () => {
  fixture = await createRelationalFixture();
  postgres = new Postgres({ url: fixture.url });
  elsewhere = await createRelational({}, { postgres });
});
afterAll(async () => {
  await elsewhere?.close();
  await postgres?.close();
  await fixture?.[Symbol.asyncDispose]();
});

const WAIT = `mutation ($input: UpsertDocumentInput!) {
  upsertDocument(input: $input) { document { id indexing { store state } } notIndexed { documentId store state error } } }`;
/** Long enough that a test that waits for its end has failed. */
const LONG = 20_000;

type Settle = (entry: { id: string; revision: number; store: string }) => object | undefined;
const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** As an indexer in another process: whenever something is due it is claimed, and settled as `settle` says. */
async function indexElsewhere(stores: string[], settle: Settle = () => undefined): Promise<void> {
  const stop = new AbortController();
  const context = createRequestContext(
    { tenantId: 'system', subject: 'system:test', roles: [], scopes: [], system: true },
    { signal: stop.signal },
  );
  const ask = async (source: string, input: object): Promise<any> => {
    const { data, errors } = await graphql({
      schema: elsewhere.schema,
      source,
      variableValues: { input },
      contextValue: contextOf('system', { system: true }),
    });
    expect(errors).toBeUndefined();
    return data;
  };
  const events = (await subscribe({
    schema: elsewhere.schema,
    document: parse('subscription { outboxDue }'),
    contextValue: context,
  })) as AsyncIterable<ExecutionResult>;
  const work = (async () => {
    for await (const { data } of events) {
      expect(data).toEqual({ outboxDue: true });
      const { claimOutbox } = await ask(
        'mutation ($input: ClaimOutboxInput!) { claimOutbox(input: $input) { entries { id revision store } } }',
        { limit: 100, leaseSeconds: 60, stores },
      );
      const done: object[] = [];
      const failed: object[] = [];
      for (const { id, revision, store } of claimOutbox.entries) {
        const failure = settle({ id, revision, store });
        if (failure) failed.push({ id, revision, error: 'The store says no.', retryInSeconds: 0, ...failure });
        else done.push({ id, revision });
      }
      if (done.length > 0)
        await ask('mutation ($input: CompleteOutboxInput!) { completeOutbox(input: $input) { completed } }', {
          entries: done,
        });
      if (failed.length > 0)
        await ask('mutation ($input: FailOutboxInput!) { failOutbox(input: $input) { failed } }', { entries: failed });
    }
  })();
  endings.push(async () => {
    stop.abort();
    await work;
  });
}

describe('upsertDocument(waitFor)', () => {
  test('answers when the stores have the document, whoever delivers it', async () => {
    await indexElsewhere(['VECTOR', 'GRAPH']);
    const input = { ...note('a.md', 'text').input, waitFor: ['VECTOR', 'GRAPH'], timeoutMs: LONG };
    const { upsertDocument } = await fixture.get('a', WAIT, { input });
    expect(upsertDocument.notIndexed).toEqual([]);
    expect(upsertDocument.document.indexing).toEqual([
      { store: 'OBJECT', state: 'PENDING' },
      { store: 'VECTOR', state: 'DONE' },
      { store: 'GRAPH', state: 'DONE' },
    ]);
    // Written again as it is: there already.
    const again = await fixture.ask('a', WAIT, { input });
    expect(again.data.upsertDocument.notIndexed).toEqual([]);
    // Another version of it is another wait.
    const changed = await fixture.get('a', WAIT, { input: { ...input, text: 'other' } });
    expect(changed.upsertDocument.notIndexed).toEqual([]);
  });

  test('answers at the time-out with what is missing, and what was written stays', async () => {
    for (const timeoutMs of [0, 50]) {
      const input = { ...note(`late${timeoutMs}.md`, 'text').input, waitFor: ['OBJECT', 'GRAPH'], timeoutMs };
      const { upsertDocument } = await fixture.get('late', WAIT, { input });
      const id = documentId('late', `late${timeoutMs}.md`);
      expect(upsertDocument.document.id).toBe(id);
      expect(upsertDocument.notIndexed).toEqual(
        ['OBJECT', 'GRAPH'].map((store) => ({ documentId: id, store, state: 'PENDING', error: null })),
      );
    }
  });

  test('tells at once of a store that is off, and of one that is tried again too late', async () => {
    await indexElsewhere(['VECTOR', 'GRAPH'], ({ store }) =>
      store === 'VECTOR' ? { disabled: true, retryInSeconds: 300 } : { retryInSeconds: 3_600 },
    );
    const input = { ...note('off.md', 'text').input, waitFor: ['VECTOR', 'GRAPH'], timeoutMs: LONG };
    const { upsertDocument } = await fixture.get('off', WAIT, { input });
    expect(upsertDocument.notIndexed).toMatchObject([
      { store: 'VECTOR', state: 'DISABLED', error: 'The store says no.' },
      { store: 'GRAPH', state: 'FAILED', error: 'The store says no.' },
    ]);
  });

  test('waits through a failure that is tried again in time', async () => {
    let tries = 0;
    await indexElsewhere(['GRAPH'], () => (++tries === 1 ? { retryInSeconds: 0 } : undefined));
    const source = 'retried.md';
    const answer = fixture.get('retried', WAIT, {
      input: { ...note(source, 'text').input, waitFor: ['GRAPH'], timeoutMs: LONG },
    });
    // A failure makes nothing due at once: what is written beside it does.
    await fixture.get('retried', WAIT, { input: note('other.md', 'text').input });
    while (tries < 2)
      await fixture.get('retried', WAIT, { input: note('other.md', `text ${tries} ${Math.random()}`).input });
    expect((await answer).upsertDocument.notIndexed).toEqual([]);
  });

  test('waits for nothing where nothing is named', async () => {
    const context = async (more: object) => {
      const { data, codes } = await fixture.ask('plain', WAIT, { input: { ...note('p.md', 'text').input, ...more } });
      expect(codes).toEqual([]);
      return data.upsertDocument.notIndexed;
    };
    expect([await context({}), await context({ waitFor: [] }), await context({ timeoutMs: 10 })]).toEqual([null, null, null]); // prettier-ignore
  });

  test('refuses a time that may not be before anything is written', async () => {
    for (const timeoutMs of [-1, 20_001]) {
      const input = { ...note('refused.md', 'text').input, waitFor: ['GRAPH'], timeoutMs };
      expect((await fixture.ask('refused', WAIT, { input })).codes).toEqual(['BAD_USER_INPUT']);
    }
    expect((await fixture.get('refused', '{ documents { totalCount } }')).documents.totalCount).toBe(0);
  });

  test('of several tells each', async () => {
    const source = `mutation ($input: UpsertDocumentsInput!) { upsertDocuments(input: $input) { documents { id } notIndexed { documentId store } } }`;
    const documents = ['1.md', '2.md'].map((name) => note(name, 'text').input);
    const { upsertDocuments } = await fixture.get('several', source, {
      input: { documents, waitFor: ['VECTOR'], timeoutMs: 0 },
    });
    expect(upsertDocuments.notIndexed).toEqual(
      ['1.md', '2.md'].map((name) => ({ documentId: documentId('several', name), store: 'VECTOR' })),
    );
    await indexElsewhere(['VECTOR']);
    const indexed = await fixture.get('several', source, {
      input: { documents, waitFor: ['VECTOR'], timeoutMs: LONG },
    });
    expect(indexed.upsertDocuments.notIndexed).toEqual([]);
  });

  test('stops early enough for the answer to come in time', async () => {
    const hasty = await createRelational({ requestMs: 2_100 }, { postgres });
    try {
      const { data, errors } = await graphql({
        schema: hasty.schema,
        source: WAIT,
        variableValues: { input: { ...note('hasty.md', 'text').input, waitFor: ['GRAPH'], timeoutMs: LONG } },
        contextValue: contextOf('hasty'),
      });
      expect(errors).toBeUndefined();
      expect((data as any).upsertDocument.notIndexed).toHaveLength(1);
    } finally {
      await hasty.close();
    }
  });
});

/** A hub of the test's own, whose size can be looked at. */
const ownHub = async (driver?: ConstructorParameters<typeof IndexingHub>[0]) => {
  const hub = new IndexingHub(driver ?? (await createPostgresDriver(postgres)), postgresChanges(postgres));
  endings.push(() => hub.close());
  return hub;
};

test('a caller who goes ends the wait, and nobody is left', async () => {
  await fixture.get('gone', WAIT, { input: note('gone.md', 'text').input });
  const hub = await ownHub();
  const leaving = new AbortController();
  const context: RequestContext = { ...contextOf('gone'), signal: leaving.signal };
  const wait = hub.wait(context, {
    ids: [documentId('gone', 'gone.md')],
    stores: ['GRAPH'],
    until: performance.now() + LONG,
  });
  expect(hub.size.readers).toBe(1);
  leaving.abort(new Error('The client has gone.'));
  await expect(wait).rejects.toThrow('The client has gone.');
  expect(hub.size).toEqual({ readers: 0, streams: 0 });
});

test('a store that cannot be asked hides nothing that was written', async () => {
  const { buildSchema } = await import('#subgraphs/relational/schema/index.ts');
  const { WorkPool } = await import('#subgraphs/shared/work/work-pool.ts');
  const { Extraction } = await import('#subgraphs/shared/extraction/extraction.ts');
  const away = { ...disabledDriver, indexing: () => Promise.reject(storeUnavailable('PostgreSQL', undefined)) };
  const work = new WorkPool();
  const schema = buildSchema({
    driver: await createPostgresDriver(postgres),
    hub: await ownHub(away),
    waits: { waitMs: 1_000, waitMaxMs: LONG, requestMs: Infinity },
    cutting: { work, extraction: new Extraction() },
    keys: undefined as never,
  });
  const { data, errors } = await execute({
    schema,
    document: parse(WAIT),
    variableValues: { input: { ...note('away.md', 'text').input, waitFor: ['GRAPH'] } },
    contextValue: contextOf('away'),
  });
  expect((data as any).upsertDocument.document.id).toBe(documentId('away', 'away.md'));
  expect(errors!.map(({ path, extensions }) => [path, extensions['code']])).toEqual([
    [['upsertDocument', 'notIndexed'], 'STORE_UNAVAILABLE'],
  ]);
  await work.close();
});

describe('documentIndexing', () => {
  const FOLLOW = parse('subscription ($id: ID!) { documentIndexing(id: $id) { documentId store state } }');
  const follow = async (tenant: string, id: string, schema = fixture.subgraph.schema) =>
    await subscribe({ schema, document: FOLLOW, variableValues: { id }, contextValue: contextOf(tenant) });
  const written = async (tenant: string, source: string): Promise<string> =>
    (await fixture.get(tenant, WAIT, { input: note(source, 'text').input })).upsertDocument.document.id;
  const next = async (events: AsyncIterator<ExecutionResult>): Promise<unknown[] | undefined> => {
    const { done, value } = await events.next();
    if (done) return undefined;
    const { store, state } = (value.data as any).documentIndexing;
    return [store, state];
  };

  test('tells where each store stands, then what changes, and ends when all have it', async () => {
    const id = await written('f', 'f.md');
    const events = (await follow('f', id)) as AsyncGenerator<ExecutionResult>;
    for (const store of ['OBJECT', 'VECTOR', 'GRAPH']) expect(await next(events)).toEqual([store, 'PENDING']);
    await indexElsewhere(['OBJECT', 'VECTOR']);
    const changes = [await next(events), await next(events)];
    expect(changes).toHaveLength(2);
    expect(changes).toEqual(expect.arrayContaining([['OBJECT', 'DONE'], ['VECTOR', 'DONE']])); // prettier-ignore
    // Whoever comes later begins with how it is.
    const later = (await follow('f', id, elsewhere.schema)) as AsyncGenerator<ExecutionResult>;
    expect([await next(later), await next(later), await next(later)]).toEqual([
      ['OBJECT', 'DONE'],
      ['VECTOR', 'DONE'],
      ['GRAPH', 'PENDING'],
    ]);
    await indexElsewhere(['GRAPH'], () => ({ disabled: true, retryInSeconds: 300 }));
    for (const each of [events, later]) {
      expect(await next(each)).toEqual(['GRAPH', 'DISABLED']);
      expect(await next(each)).toBeUndefined();
    }
    // And one that has ended replays and ends.
    const replayed: unknown[] = [];
    for await (const { data } of (await follow('f', id)) as AsyncIterable<ExecutionResult>) replayed.push(data);
    expect(replayed).toHaveLength(3);
  });

  test('ends where the document is gone', async () => {
    const id = await written('deleted', 'd.md');
    const events = (await follow('deleted', id)) as AsyncGenerator<ExecutionResult>;
    for (let each = 0; each < 3; each++) await next(events);
    await fixture.get('deleted', 'mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedIds } }', { id });
    await indexElsewhere(['OBJECT', 'VECTOR', 'GRAPH']);
    for (let each = await next(events); each !== undefined; each = await next(events)) expect(each[1]).toBe('PENDING');
  });

  test("finds no other tenant's, none that there is not, and no nonsense", async () => {
    const id = await written('owner', 'o.md');
    for (const [tenant, of, code] of [
      ['other', id, 'NOT_FOUND'],
      ['owner', documentId('owner', 'none.md'), 'NOT_FOUND'],
      ['owner', 'nonsense', 'BAD_USER_INPUT'],
    ] as const) {
      const { errors } = (await follow(tenant, of)) as ExecutionResult;
      expect(errors!.map(({ extensions }) => extensions['code'])).toEqual([code]);
    }
  });

  test('gives all who follow the same objects, reads for all at once, and nothing stays behind', async () => {
    const id = await written('many', 'm.md');
    const hub = await ownHub();
    const streams = await Promise.all(Array.from({ length: 20 }, () => hub.follow(contextOf('many'), id)));
    expect(streams.every(isShared)).toBe(true);
    expect(hub.size).toEqual({ readers: 1, streams: 20 });
    const firsts = await Promise.all(streams.map((stream) => stream.next()));
    expect(new Set(firsts.map(({ value }) => value as unknown)).size).toBe(1);
    await Promise.all(streams.map((stream) => stream.return!()));
    expect(hub.size).toEqual({ readers: 0, streams: 0 });
  });
});

test('what is due is told to the gateway alone', async () => {
  const { errors } = (await subscribe({
    schema: fixture.subgraph.schema,
    document: parse('subscription { outboxDue }'),
    contextValue: contextOf('a'),
  })) as ExecutionResult;
  expect(errors![0]!.extensions['code']).toBe('FORBIDDEN');
});

test.each(['', 'a', 'a b c', `t ${'x'.repeat(200)} DONE`, 't doc_1 done', 't run_0 DONE', '\0 doc_1 DONE'])(
  'what tells no change is passed over: %s',
  (text) => expect(parseChange(text)).toBeUndefined(),
);

test('a change is read', () => {
  const id = documentId('t', 'a');
  expect(parseChange(`t.blue ${id} PENDING`)).toEqual({ tenantId: 't.blue', documentId: id, due: true });
  expect(parseChange(`t ${id} GONE`)).toEqual({ tenantId: 't', documentId: id, due: false });
});
