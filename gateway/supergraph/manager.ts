/**
 * The supergraph that serves: composed at start, and again whenever its file or a schema changes. A composition that
 * fails is reported, and what served before goes on serving.
 */
import type { Logger } from '#gateway/telemetry/logger.ts';
import { startTypeScriptWorker } from './typescript-worker.ts';
import { describe, type Composition } from './compose.ts';
import { hashOf, readCache, writeCache } from './composition-cache.ts';
import { refuseNameClashes } from './name-clashes.ts';
import { loadSchema, type SubgraphSource } from './schema-source.ts';
import { readSupergraphFile, SupergraphError, type SubgraphEntry } from './supergraph-file.ts';
import { watchFiles, type FileWatch } from './watch.ts';

/** One composed supergraph. */
export interface Supergraph {
  /** Names its inputs; equal hashes are equal supergraphs. */
  readonly hash: string;
  readonly sdl: string;
  readonly subgraphs: readonly SubgraphEntry[];
}

export interface SupergraphManagerOptions {
  file: string;
  /** Routing URLs over those of the file, by subgraph. */
  overrides: Readonly<Record<string, string>>;
  /** Subgraphs besides those of the file, which this process makes when it starts. @default none */
  additional?: readonly SubgraphEntry[];
  /** Where the composed supergraph is kept between starts. */
  cacheFolder: string;
  log: Logger;
  /**
   * Called with each new supergraph, before it counts as the one that serves; a rejection counts as a failed
   * composition. Calls never overlap.
   */
  activate(supergraph: Supergraph): Promise<void>;
  /**
   * How often files are looked at even when the system reports no change, and schemas fetched from subgraphs anew, in
   * milliseconds. @default 10000
   */
  pollMs?: number;
}

export interface SupergraphManager {
  /** The one that serves. */
  readonly current: Supergraph;
  /** When {@link current} was activated, ISO 8601. */
  readonly since: string;
  /** What was wrong with the last change; absent when it serves. */
  readonly failure: string | undefined;
  /** Looks for changes now. Resolves once what was found serves or has failed. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Composes and activates the first supergraph.
 * @throws SupergraphError when there is none to serve
 */
export async function openSupergraph(options: SupergraphManagerOptions): Promise<SupergraphManager> {
  const manager = new Manager(options);
  await manager.start();
  return manager;
}

class Manager implements SupergraphManager {
  readonly #options: SupergraphManagerOptions;
  #current: Supergraph | undefined;
  #since = '';
  #failure: string | undefined;
  #watch: FileWatch | undefined;
  /** Reloads run one after the other. */
  #reloading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: SupergraphManagerOptions) {
    this.#options = options;
  }

  get current(): Supergraph {
    if (this.#current === undefined) throw new Error('There is no supergraph yet.');
    return this.#current;
  }

  get since(): string {
    return this.#since;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  async start(): Promise<void> {
    await this.#load();
    this.#watch = watchFiles(() => void this.reload(), this.#options.pollMs ?? 10_000);
    this.#watch.set(this.#files(this.current.subgraphs));
  }

  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(async () => {
      if (this.#closed) return;
      try {
        if (await this.#load())
          this.#options.log.info(
            { subgraphs: this.current.subgraphs.map(({ name }) => name) },
            'A new supergraph serves.',
          );
        this.#failure = undefined;
      } catch (error) {
        const message = (error as Error).message;
        // The file is looked at again and again; one fault is reported once.
        if (message !== this.#failure) {
          this.#options.log.error(
            error instanceof SupergraphError ? { reason: message } : { err: error },
            'The supergraph was not replaced; the one before goes on serving.',
          );
        }
        this.#failure = message;
      }
    });
    return this.#reloading;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.close();
    await this.#reloading;
  }

  /** Returns whether there was anything new. */
  async #load(): Promise<boolean> {
    const { file, overrides, additional = [], activate, cacheFolder, log } = this.#options;
    const named = await readSupergraphFile(file, overrides);
    const twice = additional.find(({ name }) => named.subgraphs.some((entry) => entry.name === name));
    if (twice !== undefined)
      throw new SupergraphError(
        `${named.path}: ${twice.name} is the name of a subgraph that this server makes itself.`,
      );
    const subgraphs = [...named.subgraphs, ...additional];
    // What is named is watched even if it is faulty, so that mending it is noticed.
    this.#watch?.set(this.#files(subgraphs));
    const sources = await Promise.all(subgraphs.map(loadSchema));
    refuseNameClashes(sources, new Set(additional.map(({ name }) => name)));
    const hash = hashOf(sources);
    if (hash === this.#current?.hash) return false;
    const began = performance.now();
    const cached = this.#current === undefined ? await readCache(cacheFolder) : undefined;
    const sdl = cached?.hash === hash ? cached.supergraphSdl : await composeOrThrow(sources, log);
    const composed = performance.now();
    const supergraph: Supergraph = Object.freeze({ hash, sdl, subgraphs });
    await activate(supergraph);
    log.debug(
      {
        composeMs: Math.round(composed - began),
        cached: cached?.hash === hash,
        activateMs: Math.round(performance.now() - composed),
      },
      'supergraph',
    );
    this.#current = supergraph;
    this.#since = new Date().toISOString();
    if (cached?.hash !== hash) {
      await writeCache(cacheFolder, { hash, supergraphSdl: sdl }).catch((error: unknown) =>
        log.warn({ err: error }, 'The composed supergraph cannot be kept.'),
      );
    }
    return true;
  }

  #files(subgraphs: readonly SubgraphEntry[]): string[] {
    return [this.#options.file, ...subgraphs.flatMap(({ schema }) => ('file' in schema ? [schema.file] : []))];
  }
}

async function composeOrThrow(sources: readonly SubgraphSource[], log: Logger): Promise<string> {
  const { supergraphSdl, errors, hints } = await composeInThread(sources);
  for (const hint of hints) log.warn({ hint: describe(hint) }, 'Composition hint.');
  if (supergraphSdl === undefined)
    throw new SupergraphError(`The subgraphs do not compose:\n${errors.map(describe).join('\n')}`);
  return supergraphSdl;
}

function composeInThread(sources: readonly SubgraphSource[]): Promise<Composition> {
  return new Promise((resolve, reject) => {
    const worker = startTypeScriptWorker(new URL('./compose-worker.ts', import.meta.url), { workerData: sources });
    worker.once('message', (composition: Composition) => {
      resolve(composition);
      void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('Composition ended without an answer.')));
  });
}
