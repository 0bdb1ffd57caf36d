/**
 * Delivery of the outbox: a real outbox, and stores that do as they are told, so that every way of failing can be
 * ordered.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SubgraphClient, SubgraphRequest } from '#gateway/execute/clients/subgraph-client.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { startIndexer, type Indexer } from '#gateway/indexing/indexer.ts';
import { documentId } from '#subgraphs/shared/ids.ts';
import { createRelationalFixture, note, UPSERT, type RelationalFixture } from '#tests/subgraphs/relational-fixture.ts';
import { GraphQLError } from 'graphql';
import pg from 'pg';

type Delivery = { operation: string; tenantId: string; documents: string[] };
type Refuse = (delivery: Delivery) => { code: string; hint?: string; retryAfterSeconds?: number } | undefined;

/** A store that keeps what it is given, by document, and refuses what the test says. */
class OrderedStore {
  readonly deliveries: Delivery[] = [];
  readonly kept = new Map<string, string>();
  refuse: Refuse = () => undefined;

  client(name: string): SubgraphClient {
    return {
      name,
      execute: async ({ document, variables, context }: SubgraphRequest) => {
        const [definition] = document.definitions;
        const operation = definition?.kind === 'OperationDefinition' ? definition.name!.value : '';
        const input = (
          variables as {
            input: { key?: string; content?: string; documents?: { documentId: string }[]; documentIds?: string[] };
          }
        ).input;
        const documents =
          input.key !== undefined
            ? [input.key.split('/')[1]!]
            : (input.documentIds ?? input.documents!.map((each) => each.documentId));
        const delivery = { operation, tenantId: context.principal.tenantId, documents };
        this.deliveries.push(delivery);
        const fault = this.refuse(delivery);
        if (fault) return { data: null, errors: [new GraphQLError('The store says no.', { extensions: fault })] };
        for (const id of documents) {
          if (/Remove|Delete/.test(operation)) this.kept.delete(id);
          else this.kept.set(id, JSON.stringify(input));
        }
        return { data: {} };
      },
      subscribe: () => Promise.reject(new Error('not needed')),
      close: () => Promise.resolve(),
    };
  }
}

let relational: RelationalFixture;
let stores: { object: OrderedStore; vector: OrderedStore; graph: OrderedStore };
let clients: Map<string, SubgraphClient>;
let warnings: string[];
let indexers: Indexer[];
const start = (): Indexer => {
  const indexer = startIndexer({ clients, log: { warn: (_, message) => warnings.push(message) }, pollMs: 50 });
  indexers.push(indexer);
  return indexer;
};
const sql = async (text: string): Promise<void> => {
  const client = new pg.Client(relational.url);
  await client.connect();
  await client.query(text).finally(() => client.end());
};
const upsert = (tenantId: string, source: string, text = `All about ${source}.`) =>
  relational.get(tenantId, UPSERT, note(source, text));
const indexing = async (
  tenantId: string,
  source: string,
): Promise<Record<string, { state: string; error: string | null }>> => {
  const { document } = await relational.get(
    tenantId,
    'query ($id: ID!) { document(id: $id) { indexing { store state error } } }',
    { id: documentId(tenantId, source) },
  );
  return Object.fromEntries(
    (document.indexing as { store: string; state: string; error: string | null }[]).map(({ store, ...rest }) => [
      store,
      rest,
    ]),
  );
};

beforeEach(async () => {
  relational = await createRelationalFixture();
  stores = { object: new OrderedStore(), vector: new OrderedStore(), graph: new OrderedStore() };
  clients = new Map<string, SubgraphClient>([
    ['relational', inProcessClient('relational', relational.subgraph.schema)],
  ]);
  for (const [name, store] of Object.entries(stores)) clients.set(name, store.client(name));
  warnings = [];
  indexers = [];
});
afterEach(async () => {
  await Promise.all(indexers.map((indexer) => indexer.close()));
  await relational[Symbol.asyncDispose]();
});

describe('the indexer', () => {
  test('hears what is written in whatever process, so that whoever waits for the stores waits for nothing else', async () => {
    // No poll, and nobody says that something was written.
    const indexer = startIndexer({ clients, log: { warn: () => undefined }, pollMs: 3_600_000 });
    indexers.push(indexer);
    await indexer.idle();
    stores.vector.refuse = () => ({ code: 'STORE_DISABLED' });
    const { upsertDocument } = await relational.get(
      'a',
      'mutation ($input: UpsertDocumentInput!) { upsertDocument(input: $input) { notIndexed { store state } } }',
      { input: { ...note('now.md', 'text').input, waitFor: ['OBJECT', 'VECTOR', 'GRAPH'], timeoutMs: 20_000 } },
    );
    expect(upsertDocument.notIndexed).toEqual([{ store: 'VECTOR', state: 'DISABLED' }]);
    expect([...stores.graph.kept.keys()]).toEqual([documentId('a', 'now.md')]);
  });

  test('delivers what was written before and after it started, each tenant by itself, and deletions', async () => {
    await upsert('a', 'one.md');
    await upsert('b', 'one.md');
    const indexer = start();
    await indexer.idle();
    for (const store of Object.values(stores)) {
      expect([...store.kept.keys()].sort()).toEqual([documentId('a', 'one.md'), documentId('b', 'one.md')].sort());
      for (const { tenantId, documents } of store.deliveries)
        expect(documents).toEqual([documentId(tenantId, 'one.md')]);
    }
    await relational.get('a', 'mutation ($id: ID!) { deleteDocument(input: { id: $id }) { document { id } } }', {
      id: documentId('a', 'one.md'),
    });
    await indexer.idle();
    for (const store of Object.values(stores)) expect([...store.kept.keys()]).toEqual([documentId('b', 'one.md')]);
    expect(await indexer.status()).toMatchObject({ pending: 0, failed: 0, done: 3 });
  });

  test('has nothing to do, and nothing to say, where the supergraph has no outbox', async () => {
    clients.delete('relational');
    const indexer = start();
    for (let look = 0; look < 3; look++) await indexer.idle();
    expect(await indexer.status()).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test('leaves what is for a store that the supergraph does not have, until it has it', async () => {
    const vector = clients.get('vector')!;
    clients.delete('vector');
    await upsert('a', 'one.md');
    const indexer = start();
    for (let look = 0; look < 3; look++) await indexer.idle();
    expect(stores.graph.kept.size).toBe(1);
    expect(await indexing('a', 'one.md')).toMatchObject({ VECTOR: { state: 'PENDING', error: null } });
    expect(warnings).toEqual([]);
    clients.set('vector', vector);
    await indexer.idle();
    expect(stores.vector.kept.size).toBe(1);
  });

  test('says once, and not at every look, that the outbox cannot be read', async () => {
    const relationalClient = clients.get('relational')!;
    let looks = 0;
    clients.set('relational', {
      ...relationalClient,
      execute: () => {
        looks += 1;
        return Promise.reject(new Error('The outbox is away.'));
      },
    });
    const indexer = start();
    while (looks < 12) {
      indexer.wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(warnings).toHaveLength(Object.keys(stores).length);
    clients.set('relational', relationalClient);
    await upsert('a', 'one.md');
    await indexer.idle();
    expect(stores.graph.kept.size).toBe(1);
  });

  test('a document that a store refuses holds back no other, is tried again, and says why', async () => {
    for (let n = 0; n < 9; n++) await upsert('a', `${n}.md`);
    const poison = documentId('a', '4.md');
    stores.vector.refuse = ({ documents }) => (documents.includes(poison) ? { code: 'BAD_USER_INPUT' } : undefined);
    const indexer = start();
    await indexer.idle();
    expect(stores.vector.kept.size).toBe(8);
    expect(stores.graph.kept.size).toBe(9);
    expect(await indexing('a', '4.md')).toMatchObject({
      VECTOR: { state: 'FAILED', error: 'The store says no.' },
      GRAPH: { state: 'DONE' },
      OBJECT: { state: 'DONE' },
    });
    // Splitting in halves: a poison costs a few calls more, not one for each document.
    expect(stores.vector.deliveries.length).toBeLessThanOrEqual(9);
    stores.vector.refuse = () => undefined;
    await sql('UPDATE relational.outbox SET next_attempt_at = now()');
    await indexer.idle();
    expect(stores.vector.kept.size).toBe(9);
    expect(await indexing('a', '4.md')).toMatchObject({ VECTOR: { state: 'DONE', error: null } });
  });

  test('a store that limits its requests is not asked the more for it, and is left alone for as long as it says', async () => {
    for (let n = 0; n < 9; n++) await upsert('a', `${n}.md`);
    stores.vector.refuse = () => ({ code: 'RATE_LIMITED', retryAfterSeconds: 90 });
    const indexer = start();
    await indexer.idle();
    expect(stores.vector.deliveries).toHaveLength(1);
    const client = new pg.Client(relational.url);
    await client.connect();
    const { rows } = await client.query(
      `SELECT DISTINCT round(extract(epoch FROM next_attempt_at - updated_at))::int AS seconds FROM relational.outbox WHERE state = 'FAILED'`,
    );
    await client.end();
    expect(rows).toEqual([{ seconds: 90 }]);
  });

  test('a store that is down is asked once for each batch, delays nobody else, and waits longer each time', async () => {
    for (let n = 0; n < 9; n++) await upsert('a', `${n}.md`);
    stores.graph.refuse = () => ({ code: 'STORE_UNAVAILABLE', hint: 'Check that it runs.' });
    const indexer = start();
    await indexer.idle();
    expect(stores.graph.deliveries).toHaveLength(1);
    expect([stores.object.kept.size, stores.vector.kept.size]).toEqual([9, 9]);
    expect(await indexing('a', '0.md')).toMatchObject({
      GRAPH: { state: 'FAILED', error: 'The store says no. Check that it runs.' },
    });
    const waits: number[] = [];
    const client = new pg.Client(relational.url);
    await client.connect();
    for (let attempt = 2; attempt <= 12; attempt++) {
      await client.query('UPDATE relational.outbox SET next_attempt_at = now()');
      await indexer.idle();
      const { rows } = await client.query<{ seconds: number }>(
        `SELECT max(extract(epoch FROM next_attempt_at - updated_at))::float AS seconds FROM relational.outbox WHERE state = 'FAILED'`,
      );
      waits.push(Math.round(rows[0]!.seconds));
    }
    await client.end();
    expect(waits).toEqual([...waits].sort((x, y) => x - y));
    expect(waits.at(-1)).toBe(300); // However long it is down, it is asked again within five minutes.
    stores.graph.refuse = () => undefined;
    await sql('UPDATE relational.outbox SET next_attempt_at = now()');
    await indexer.idle();
    expect(stores.graph.kept.size).toBe(9);
  });

  test('a store that is switched off is no failure', async () => {
    stores.object.refuse = () => ({ code: 'STORE_DISABLED', hint: 'Set S3_ENDPOINT and restart.' });
    await upsert('a', 'one.md');
    await start().idle();
    expect(await indexing('a', 'one.md')).toMatchObject({
      OBJECT: { state: 'DISABLED', error: expect.stringContaining('S3_ENDPOINT') as string },
      VECTOR: { state: 'DONE' },
    });
    expect(await start().status()).toMatchObject({ pending: 0, failed: 0, disabled: 1 });
  });

  test('a store that is on after a new start is given at once what came while it was off', async () => {
    stores.vector.refuse = () => ({ code: 'STORE_DISABLED', hint: 'Set QDRANT_URL.' });
    for (let at = 0; at < 9; at += 1) await upsert('a', `${at}.md`);
    const before = start();
    await before.idle();
    await before.close();
    expect(stores.vector.kept.size).toBe(0);
    stores.vector.refuse = () => undefined;
    await start().idle();
    expect(stores.vector.kept.size).toBe(9);
    expect(await indexing('a', '0.md')).toMatchObject({ VECTOR: { state: 'DONE' } });
  });

  test('what changes while it is delivered is delivered again, and the newest wins', async () => {
    await upsert('a', 'one.md', 'The first text.');
    let once = false;
    const inner = clients.get('vector')!;
    clients.set('vector', {
      ...inner,
      execute: async (request) => {
        const result = await inner.execute(request);
        if (!once) await upsert('a', 'one.md', 'The second text.');
        once = true;
        return result;
      },
    });
    await start().idle();
    expect(stores.vector.kept.get(documentId('a', 'one.md'))).toContain('The second text.');
    expect(await indexing('a', 'one.md')).toMatchObject({ VECTOR: { state: 'DONE' } });
  });

  test('many workers deliver everything, and an entry is leased to one of them', async () => {
    for (let n = 0; n < 60; n++) await upsert('a', `${n}.md`);
    const workers = [start(), start(), start(), start()];
    await vi.waitFor(
      async () => {
        await Promise.all(workers.map((worker) => worker.idle()));
        expect(await workers[0]!.status()).toMatchObject({ pending: 0, failed: 0 });
      },
      { timeout: 20_000 },
    );
    for (const store of Object.values(stores)) {
      expect(store.kept.size).toBe(60);
      expect(store.deliveries.flatMap(({ documents }) => documents)).toHaveLength(60);
    }
  });

  test('delivered twice is delivered once', async () => {
    await upsert('a', 'one.md');
    const indexer = start();
    await indexer.idle();
    const before = stores.vector.kept.get(documentId('a', 'one.md'));
    await sql(`UPDATE relational.outbox SET state = 'PENDING', lease_until = NULL`);
    await indexer.idle();
    expect(stores.vector.kept.get(documentId('a', 'one.md'))).toBe(before);
    expect(await indexer.status()).toMatchObject({ pending: 0, failed: 0, done: 3 });
  });

  test('an outbox that cannot be read is looked at again; nothing is lost', async () => {
    await upsert('a', 'one.md');
    const inner = clients.get('relational')!;
    let down = true;
    clients.set('relational', {
      ...inner,
      execute: async (request) =>
        down
          ? {
              data: null,
              errors: [
                new GraphQLError('PostgreSQL cannot be reached.', { extensions: { code: 'STORE_UNAVAILABLE' } }),
              ],
            }
          : await inner.execute(request),
    });
    const indexer = start();
    await vi.waitFor(() => expect(warnings).toContain('The outbox cannot be read; indexing waits.'));
    expect(stores.vector.deliveries).toEqual([]);
    down = false;
    await indexer.idle();
    expect(stores.vector.kept.size).toBe(1);
  });

  test('closing ends what is under way, and the lease brings it back', async () => {
    await upsert('a', 'one.md');
    clients.set('vector', {
      ...clients.get('vector')!,
      execute: ({ context }) =>
        new Promise((_, reject) =>
          context.signal!.addEventListener('abort', () => reject(context.signal!.reason as Error)),
        ),
    });
    const first = start();
    await vi.waitFor(async () => expect((await indexing('a', 'one.md'))['GRAPH']?.state).toBe('DONE'));
    await first.close();
    expect(await indexing('a', 'one.md')).toMatchObject({ VECTOR: { state: 'PENDING' } });
    clients.set('vector', stores.vector.client('vector'));
    await sql('UPDATE relational.outbox SET lease_until = now()');
    await start().idle();
    expect(stores.vector.kept.size).toBe(1);
  });
});
