/**
 * A change of the embedding model on Qdrant: a collection beside the one in use is filled, and takes its place. On the server at
 * TEST_QDRANT_URL; see qdrant.test.ts.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createInference } from '#subgraphs/inference/index.ts';
import type { BuiltInModel } from '#subgraphs/shared/built-in-models.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { BackgroundRenewal } from '#subgraphs/vector/drivers/background-renewal.ts';
import { QdrantVectors } from '#subgraphs/vector/drivers/qdrant/index.ts';
import { callersHash } from '#subgraphs/vector/indexing/content-hash.ts';
import { indexDocuments, upsertVectors, type DocumentInput } from '#subgraphs/vector/indexing/indexing.ts';
import { as } from '#tests/contract/vector-driver.ts';

const url = process.env['TEST_QDRANT_URL'];
const apiKey = process.env['TEST_QDRANT_API_KEY'];
const HASHING = { model: 'hashing-384-v1', dimensions: 384 };
const STATIC = { model: 'static-384-v1', dimensions: 384 };

const run = randomBytes(4).toString('hex');
let collections = 0;
const freshName = (): string => `renewal_${run}_${collections++}`;
const open = (name: string): QdrantVectors => new QdrantVectors({ url: url!, apiKey }, name);

async function server(method: string, path: string) {
  const response = await fetch(`${url}/${path}`, {
    method,
    headers: apiKey === undefined ? {} : { 'api-key': apiKey },
  });
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON
  return ((await response.json()) as { result?: any }).result;
}
const namesOf = async (name: string): Promise<string[]> =>
  ((await server('GET', 'collections')).collections as { name: string }[])
    .map((each) => each.name)
    .filter((each) => each.startsWith(name))
    .sort();

const document = (at: number, text = `document ${at} about topic${at % 7}`): DocumentInput => ({
  documentId: `doc_${at}`,
  title: `Title ${at}`,
  source: `notes/${at}.md`,
  mediaType: 'text/markdown',
  metadata: { at },
  chunks: [0, 1, 2].map((part) => ({ id: `chk_${at}_${part}`, text: `${text}, part ${part}` })),
});
const documents = Array.from({ length: 60 }, (_, at) => document(at));

describe.runIf(url)('another embedding model', { timeout: 120_000 }, () => {
  const embedders = new Map<string, Embedder>();
  const closing: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    for (const embeddings of ['hashing-384-v1', 'static-384-v1'] as BuiltInModel[]) {
      const inference = await createInference({ embeddings }, { usageSink: undefined });
      closing.push(() => inference.close());
      embedders.set(embeddings, inference.provides.embedder!);
    }
  });
  afterAll(async () => {
    for (const name of await namesOf(`renewal_${run}`)) await server('DELETE', `collections/${name}`);
    await Promise.all(closing.map((close) => close()));
  });

  /** Counts the texts that are embedded, and fails where it is told to. */
  function counting({ model }: { model: string }) {
    const embedder = embedders.get(model)!;
    const counter = {
      texts: [] as string[],
      failure: undefined as Error | undefined,
      get model() {
        return embedder.model;
      },
      embed: async (...[context, input, use]: Parameters<Embedder['embed']>) => {
        if (counter.failure !== undefined) throw counter.failure;
        counter.texts.push(...input);
        return await embedder.embed(context, input, use);
      },
    };
    return counter;
  }
  const vectorOf = async ({ model }: { model: string }, text: string) =>
    (await embedders.get(model)!.embed(as('a'), [text])).vectors[0]!;
  const nearest = async (driver: QdrantVectors, model: typeof STATIC, text: string, tenant = 'a') =>
    (
      await driver.search(as(tenant), [
        { kind: 'VECTOR', model: model.model, vector: await vectorOf(model, text), limit: 3 },
      ])
    )[0]!.items;
  const byWords = async (driver: QdrantVectors, text: string, tenant = 'a') =>
    (await driver.search(as(tenant), [{ kind: 'KEYWORD', text, limit: 5 }]))[0]!.items.map((item) => item.chunkId);
  const filled = async (name: string) => {
    const driver = open(name);
    for (const [tenant, own] of [
      ['a', documents],
      ['b', documents.slice(0, 5)],
    ] as const)
      await indexDocuments(as(tenant), driver, embedders.get(HASHING.model)!, own);
    return driver;
  };

  test('embeds stored texts again beside the old ones, which answer by words, and takes their place once all are there', async () => {
    const name = freshName();
    const old = await filled(name);
    await upsertVectors(
      as('b'),
      old,
      embedders.get(HASHING.model)!,
      [
        {
          chunkId: 'own',
          documentId: 'doc_own',
          text: 'a caller sent the vector of this',
          vector: [1, ...Array<number>(383).fill(0)],
        },
      ],
      HASHING.model,
    );
    const driver = open(name);
    const embedder = counting(STATIC);
    // Nothing is done unasked: neither with a free model where one was paid for, nor before it has begun.
    await expect(nearest(driver, STATIC, 'anything')).rejects.toMatchObject({
      code: 'CONFLICT',
      extensions: { hint: expect.stringContaining('npm run reindex') as string },
    });
    let renewer = driver.renewer(embedder, undefined, 0);
    const plan = (await renewer.plan(true))!;
    expect(plan).toMatchObject({ from: [HASHING.model], to: STATIC, done: 0, total: 60 * 3 + 5 * 3 + 1 });
    expect(await renewer.piece(plan, () => false)).toBe('MORE');
    const some = embedder.texts.length;
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(plan.total);

    // Meanwhile: words find all, vectors of the new model say how far it is, a process of the old model answers as before.
    expect(await byWords(driver, '"document 59 about topic3, part 2"')).toEqual(['chk_59_2']);
    await expect(nearest(driver, STATIC, 'anything')).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(
        /being embedded again with the model "static-384-v1": \d+ of 196 texts are done/,
      ) as string,
    });
    expect((await nearest(old, HASHING, 'Title 8\n\ndocument 8 about topic1, part 1'))[0]).toMatchObject({
      chunkId: 'chk_8_1',
    });
    expect((await old.similarToDocuments(as('a'), ['doc_8'], 3)).get('doc_8')!.items).toHaveLength(3);

    // What is written, written again and removed meanwhile is so in both.
    const writing = counting(STATIC);
    await indexDocuments(as('a'), driver, writing, [
      document(70, 'written meanwhile'),
      document(3, 'otherwise worded'),
    ]);
    await indexDocuments(as('a'), driver, writing, [{ ...document(70, 'written meanwhile'), source: 'moved.md' }]);
    expect(writing.texts).toHaveLength(6);
    await upsertVectors(as('b'), driver, writing, [{ chunkId: 'one', documentId: 'doc_1', text: 'one chunk alone' }]);
    expect(await driver.removeDocuments(as('a'), ['doc_5', 'doc_nowhere'])).toBe(3);
    expect(await driver.delete(as('a'), ['chk_6_0', 'nowhere'])).toEqual(['chk_6_0']);
    expect(await byWords(driver, 'meanwhile')).toHaveLength(3);
    expect(await byWords(driver, '"otherwise worded"')).toHaveLength(3);
    expect(await byWords(driver, '"document 5 about"')).toEqual([]);
    // A process of the old model goes on writing, and removing, what the new collection is not told of.
    await indexDocuments(as('a'), old, embedders.get(HASHING.model)!, [document(80, 'by the old process')]);
    await old.removeDocuments(as('b'), ['doc_2']);

    // Another process goes on.
    renewer = open(name).renewer(embedder, undefined, 0);
    while ((await renewer.piece((await renewer.plan(true))!, () => false)) !== 'DONE');
    expect(await renewer.plan(true)).toBeUndefined();
    // Each text once for each tenant that has it.
    for (const count of countsOf(embedder.texts).values()) expect(count).toBeLessThanOrEqual(2);
    expect(embedder.texts.length).toBeLessThanOrEqual(plan.total + 3);

    for (const each of [driver, open(name)]) {
      expect(await each.health()).toMatchObject({ state: 'ok' });
      expect(await each.collectionInfo(as('a'))).toEqual({ name, ...STATIC });
      for (const [id, text] of [
        ['chk_8_1', 'Title 8\n\ndocument 8 about topic1, part 1'],
        ['chk_70_2', 'Title 70\n\nwritten meanwhile, part 2'],
        ['chk_3_0', 'Title 3\n\notherwise worded, part 0'],
        ['chk_80_1', 'Title 80\n\nby the old process, part 1'],
      ] as const) {
        const [first] = await nearest(each, STATIC, text);
        expect(first).toMatchObject({ chunkId: id });
        expect(first!.score).toBeCloseTo(1, 4);
      }
      expect(await byWords(each, '"document 5 about"')).toEqual([]);
      expect(await byWords(each, '"document 6 about topic6, part 0"')).toEqual([]);
      expect(await byWords(each, '"document 2 about"', 'b')).toEqual([]);
      expect(await byWords(each, '"one chunk alone"', 'b')).toEqual(['one']);
      expect((await each.storedChunks(as('a'), ['doc_70'])).get('chk_70_0')).toMatchObject({
        source: 'moved.md',
        metadata: { at: 70 },
      });
      expect((await each.similarToDocuments(as('a'), ['doc_8'], 80)).get('doc_8')!.items).toHaveLength(60);
    }
    expect((await driver.contentHashes(as('b'), ['own'])).get('own')).toBe(
      callersHash('a caller sent the vector of this'),
    );
    expect((await nearest(driver, STATIC, 'a caller sent the vector of this', 'b'))[0]).toMatchObject({
      chunkId: 'own',
    });
    // The old process is told, and has spoiled nothing.
    await expect(indexDocuments(as('a'), old, embedders.get(HASHING.model)!, [document(81)])).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    // Nothing is embedded again at the next start, and nothing written is.
    const again = counting(STATIC);
    await indexDocuments(as('a'), open(name), again, [document(8)]);
    expect(again.texts).toEqual([]);
    // What is left of the old one is its name.
    expect((await server('GET', `collections/${name}`)).points_count).toBe(0);
    expect(await namesOf(name)).toEqual([
      name,
      expect.stringMatching(/_[0-9a-f]{12}$/),
      expect.stringMatching(/_documents$/),
    ]);
  });

  const countsOf = (texts: readonly string[]) => {
    const counts = new Map<string, number>();
    for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
    return counts;
  };

  test('and back again, for other dimensions, with a prefix: whatever vectors depend on', async () => {
    const name = freshName();
    await filled(name);
    const exchange = async (model: typeof STATIC, embedder: Embedder) => {
      const driver = open(name);
      const renewer = driver.renewer(embedder, undefined, 0);
      for (let plan = await renewer.plan(false); plan !== undefined; plan = await renewer.plan(false))
        await renewer.piece(plan, () => false);
      expect(await driver.collectionInfo(as('a'))).toEqual({ name, ...model });
      expect(await byWords(driver, '"document 59 about topic3, part 2"')).toEqual(['chk_59_2']);
      expect(await namesOf(name)).toHaveLength(3);
    };
    await exchange(STATIC, embedders.get(STATIC.model)!);
    await exchange(HASHING, embedders.get(HASHING.model)!);
    const cut = (model: string, dimensions: number): Embedder => ({
      model: { name: model },
      embed: async (context, input) => {
        const { vectors } = await embedders.get(STATIC.model)!.embed(context, input);
        return { model, dimensions, vectors: vectors.map((vector) => vector.slice(0, dimensions)) };
      },
    });
    const [wide, narrow, prefixed] = [
      { model: 'served', dimensions: 128 },
      { model: 'served', dimensions: 64 },
      { model: 'served+1a2b3c4d', dimensions: 64 },
    ];
    for (const each of [wide!, narrow!, prefixed!]) await exchange(each, cut(each.model, each.dimensions));
    // Both processes meant the same, also the one that slept through all of it.
    expect(await open(name).collectionInfo(as('b'))).toEqual({ name, ...prefixed });
  });

  test('a process that slept through two changes finds where things are, and makes nothing anew', async () => {
    const name = freshName();
    const sleeper = await filled(name);
    const through = async (model: typeof STATIC) => {
      const renewer = open(name).renewer(embedders.get(model.model)!, undefined, 0);
      for (let plan = await renewer.plan(true); plan !== undefined; plan = await renewer.plan(true))
        await renewer.piece(plan, () => false);
    };
    await through(STATIC);
    await indexDocuments(as('a'), sleeper, embedders.get(STATIC.model)!, [document(90)]);
    await through(HASHING);
    await expect(indexDocuments(as('a'), sleeper, embedders.get(STATIC.model)!, [document(91)])).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await indexDocuments(as('a'), sleeper, embedders.get(HASHING.model)!, [document(91)]);
    expect(await namesOf(name)).toHaveLength(3);
    expect((await nearest(open(name), HASHING, 'Title 91\n\ndocument 91 about topic0, part 0'))[0]).toMatchObject({
      chunkId: 'chk_91_0',
    });
  });

  test('whoever is killed goes on where it was, and pays for little twice', async () => {
    const name = freshName();
    const driver = await filled(name);
    const folder = await mkdtemp(join(tmpdir(), 'renewal-'));
    const file = join(folder, 'embedded');
    const embedded = async () => (await readFile(file, 'utf8').catch(() => '')).split('\n').length - 1;
    try {
      let kills = 0;
      for (const from of [1, 60, 120]) {
        const child = spawn(
          process.execPath,
          ['--import', 'tsx', fileURLToPath(new URL('qdrant-renewal-process.ts', import.meta.url)), name, file],
          { stdio: ['ignore', 'ignore', 'inherit'] },
        );
        const ended = new Promise((resolve) => child.once('exit', resolve));
        // Looked at as often as the loop turns: it is killed in the middle of whatever it does then.
        let over = false;
        void ended.then(() => (over = true));
        while (!over && (await embedded()) < from) await new Promise((resolve) => setImmediate(resolve));
        child.kill('SIGKILL');
        await ended;
        kills += 1;
      }
      expect(kills).toBe(3);
      const renewer = driver.renewer(counting(STATIC), undefined, 0);
      for (let plan = await renewer.plan(true); plan !== undefined; plan = await renewer.plan(true))
        await renewer.piece(plan, () => false);
      // At most a page of texts of each who was killed.
      expect(await embedded()).toBeLessThanOrEqual(195 + 3 * 50);
      for (const at of [0, 30, 59])
        expect(
          (await nearest(driver, STATIC, `Title ${at}\n\ndocument ${at} about topic${at % 7}, part 2`))[0],
        ).toMatchObject({ chunkId: `chk_${at}_2` });
      expect((await driver.similarToDocuments(as('a'), ['doc_0'], 80)).get('doc_0')!.items).toHaveLength(59);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('in the background it tells what it does, waits for a model that is away, and leaves what was paid for', async () => {
    const name = freshName();
    await filled(name);
    const told: string[] = [];
    const embedder = counting(STATIC);
    const renewer = open(name).renewer(embedder, undefined, 0);
    await new BackgroundRenewal(renewer, { free: true, log: (line) => told.push(line) }).done;
    expect(told).toEqual([
      expect.stringMatching(
        /is static-384-v1 now, and was hashing-384-v1: the collection .* 195 texts of which 0 are done/,
      ) as string,
      '195 stored texts were embedded again.',
    ]);
    const served: Embedder = { ...counting(STATIC), model: { name: 'served', dimensions: 384 } };
    const paid = open(name).renewer(served, undefined, 0);
    expect(await paid.plan(true)).toBeUndefined();
    expect(await paid.plan(false)).toMatchObject({ from: ['static-384-v1'], to: { model: 'served' } });
    // Away: told once, and ended by who closes it, without a word.
    told.length = 0;
    let asked: () => void;
    const failed = new Promise<void>((resolve) => (asked = resolve));
    const away = new BackgroundRenewal(
      open(name).renewer(
        {
          model: { name: 'served', dimensions: 384 },
          embed: () => Promise.reject(new CodedError('STORE_UNAVAILABLE', 'The model server is not there.')),
        },
        undefined,
        0,
      ),
      {
        free: false,
        log: (line) => {
          told.push(line);
          if (told.length === 2) asked();
        },
      },
    );
    await failed;
    expect(away.progress).toMatch(/0 of 195 texts/);
    await away.close();
    expect(told[1]).toMatch(/waits, and goes on by itself: The model server is not there/);
    expect(told).toHaveLength(2);
    // Given up: nothing is lost.
    expect((await nearest(open(name), STATIC, 'Title 8\n\ndocument 8 about topic1, part 1'))[0]).toMatchObject({
      chunkId: 'chk_8_1',
    });
  });
});
