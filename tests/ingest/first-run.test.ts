import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DocumentInput } from '#ops/ingest/document-input.ts';
import { startFirstRun, type FirstRun, type FirstRunOptions } from '#ops/ingest/first-run.ts';

let root: string;
let stop: AbortController;
let written: string[];
let skipped: string[];
/** How many documents there are: of the demo, and of others. */
let stored: { demo: number; others: number };
let leftOut: number;

/** A project with two direct dependencies and two of theirs. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tributary-first-run-'));
  stop = new AbortController();
  written = [];
  skipped = [];
  stored = { demo: 0, others: 0 };
  leftOut = 0;
  const packages: Record<string, object> = { '': { dependencies: { direct: '1', other: '1' } } };
  for (const name of ['direct', 'other', 'indirect', 'deep']) {
    packages[`node_modules/${name}`] = {};
    await mkdir(join(root, 'node_modules', name), { recursive: true });
    await writeFile(join(root, 'node_modules', name, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
  }
  packages['node_modules/of-another-platform'] = {};
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages }));
});
afterEach(() => rm(root, { recursive: true }));

const start = (options: Partial<FirstRunOptions> = {}): FirstRun =>
  startFirstRun({
    root,
    dataDir: root,
    database: 'test',
    count: (collection) => Promise.resolve(stored.demo + (collection === undefined ? stored.others : 0)),
    onLeftOut: () => leftOut++,
    upsert: (document: DocumentInput) => {
      written.push(document.metadata['package'] as string);
      return Promise.resolve();
    },
    indexed: () => Promise.resolve(),
    signal: stop.signal,
    onSkipped: ({ skipped: what }) => skipped.push(what),
    ...options,
  });

test('direct dependencies are done before the rest begins', async () => {
  let heldBack: string[] = [];
  let letGo!: () => void;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const run = start({
    indexed: () => {
      heldBack = [...written];
      return held;
    },
  });
  letGo();
  await run.direct;
  expect(heldBack.sort()).toEqual(['direct', 'other']);
  expect(await run.all).toBe(true);
  expect(written.sort()).toEqual(['deep', 'direct', 'indirect', 'other']);
  expect(run.progress()).toEqual({ state: 'complete', documents: 4, packages: 4, directPackages: 2, packagesDone: 4 });
});

test('a complete corpus is not read again, unless the packages or the database are others', async () => {
  await start().all;
  written = [];
  expect(await start().all).toBe(false);
  expect(written).toEqual([]);
  expect(await start({ database: 'another' }).all).toBe(true);
  expect(written).toHaveLength(4);
});

test('an interrupted one is completed by the next start', async () => {
  const interrupted = start({
    upsert: (document) => {
      written.push(document.metadata['package'] as string);
      if (written.length === 3) stop.abort(new Error('Stopping.'));
      return Promise.resolve();
    },
  });
  await interrupted.direct;
  expect(await interrupted.all).toBe(false);
  expect(interrupted.progress().state).toBe('running');

  written = [];
  stop = new AbortController();
  expect(await start().all).toBe(true);
  expect(written.sort()).toEqual(['deep', 'direct', 'indirect', 'other']);
});

test('what is refused is named, and does not keep the rest from coming', async () => {
  await writeFile(join(root, 'node_modules', 'indirect', 'package.json'), 'not JSON');
  const run = start({
    upsert: (document) =>
      document.metadata['package'] === 'deep' ? Promise.reject(new Error('refused')) : Promise.resolve(),
  });
  expect(await run.all).toBe(true);
  expect(skipped.sort()).toEqual([join(root, 'node_modules', 'indirect'), 'npm/deep/README.md'].sort());
});

test('a demo that somebody removed is not brought back by other packages; one that is there is renewed', async () => {
  await start().all;
  const lock = join(root, 'package-lock.json');
  await writeFile(lock, `${await readFile(lock, 'utf8')}\n`);
  written = [];
  expect(await start().all).toBe(false);
  expect(written).toEqual([]);
  stored.demo = 4;
  expect(await start().all).toBe(true);
  expect(written).toHaveLength(4);
});

test('who began without it, and has documents of his own, is left alone', async () => {
  stored.others = 1;
  expect(await start().all).toBe(false);
  expect({ written, leftOut }).toEqual({ written: [], leftOut: 1 });
  // One that was interrupted goes on all the same, and what an older version wrote is moved into the collection.
  stored.demo = 1;
  expect(await start().all).toBe(true);
  stored = { demo: 0, others: 5 };
  written = [];
  await writeFile(join(root, 'corpus-complete'), 'fingerprint\n');
  expect(await start({ database: 'older' }).all).toBe(true);
  expect(written).toHaveLength(4);
  expect(await start({ database: 'older' }).all).toBe(false);
  expect(await start({ database: 'new' }).all).toBe(false);
});
