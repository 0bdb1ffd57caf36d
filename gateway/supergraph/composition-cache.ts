/** Composed supergraphs in the data folder, so that a start with unchanged schemas composes nothing. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SubgraphSource } from './schema-source.ts';

/** Change it with anything that changes what composition makes of the same input. */
const COMPOSER = '@apollo/composition@2.14.4, @oneOf';

export interface CachedSupergraph {
  readonly hash: string;
  readonly supergraphSdl: string;
}

/** What a composition depends on. */
export function hashOf(sources: readonly SubgraphSource[]): string {
  const hash = createHash('sha256').update(COMPOSER);
  for (const { name, url, sdl } of sources)
    for (const part of [name, url, sdl]) hash.update(`\0${Buffer.byteLength(part)}\0`).update(part);
  return hash.digest('hex');
}

/** The supergraph that was composed last in this folder; `undefined` when there is none that can be read. */
export async function readCache(folder: string): Promise<CachedSupergraph | undefined> {
  try {
    const cached = JSON.parse(await readFile(path(folder), 'utf8')) as Partial<CachedSupergraph>;
    return typeof cached.hash === 'string' && typeof cached.supergraphSdl === 'string'
      ? (cached as CachedSupergraph)
      : undefined;
  } catch {
    return undefined; // It is only a cache: composing again replaces it.
  }
}

/** Replaces the cache as a whole, so that nobody reads half of it. */
export async function writeCache(folder: string, cached: CachedSupergraph): Promise<void> {
  await mkdir(folder, { recursive: true });
  const draft = `${path(folder)}.${process.pid}`;
  await writeFile(draft, JSON.stringify(cached));
  await rename(draft, path(folder));
}

const path = (folder: string): string => join(folder, 'supergraph.json');
