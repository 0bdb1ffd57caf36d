/**
 * The supergraph that serves: composed at start, and again whenever its file or a schema changes. A composition that
 * fails is reported, and what served before goes on serving.
 */
import { dirname, join } from 'node:path';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { SUPERGRAPH } from '#gateway/bounds/supergraph.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { startTypeScriptWorker } from './typescript-worker.ts';
import { describe, type Composition } from './findings.ts';
import { hashOf, readCache, writeCache, type CachedSupergraph } from './composition-cache.ts';
import { refuseNameClashes } from './name-clashes.ts';
import { SchemaKeeper, type UnavailableSchema } from './schema-keeper.ts';
import type { SchemaBounds, SubgraphSource } from './schema-source.ts';
import { readSupergraphFile, SupergraphError, type MadeSchema, type SubgraphEntry } from './supergraph-file.ts';
import { watchFiles, type FileWatch } from './watch.ts';

/** One composed supergraph. */
export interface Supergraph {
  /** Names its inputs; equal hashes are equal supergraphs. */
  readonly hash: string;
  readonly sdl: string;
  readonly subgraphs: readonly SubgraphEntry[];
}

/** Subgraphs that this process makes, as they are now. */
export interface AdditionalSubgraphs {
  readonly entries: readonly MadeEntry[];
  /** Those that could not be made, or not anew. */
  readonly unavailable: readonly UnavailableSchema[];
  /** What was to be in them, and is not. */
  readonly leftOut: readonly LeftOut[];
  /** Files that they are made of, to look at for changes. */
  readonly files: readonly string[];
}

/** A part of a subgraph that its store does not have, or no longer. */
export interface LeftOut {
  readonly subgraph: string;
  /** What, where it is said, and what to do. */
  readonly reason: string;
}

export interface MadeEntry extends SubgraphEntry {
  readonly schema: MadeSchema;
}

const NOTHING: AdditionalSubgraphs = { entries: [], unavailable: [], leftOut: [], files: [] };

/** Bounds are said in `SUPERGRAPH` (gateway/bounds/supergraph.ts), with their defaults. */
export interface SupergraphManagerOptions extends Partial<BoundValues<typeof SUPERGRAPH>>, Pick<SchemaBounds, 'tlsOf'> {
  file: string;
  /** Routing URLs over those of the file, by subgraph. */
  overrides: Readonly<Record<string, string>>;
  /** Subgraphs besides those of the file, which this process makes; asked at each look for changes. @default none */
  additional?: () => Promise<AdditionalSubgraphs>;
  /** Where the composed supergraph is kept between starts. */
  cacheFolder: string;
  log: Logger;
  /**
   * Called with each new supergraph, before it counts as the one that serves; a rejection counts as a failed
   * composition. Calls never overlap.
   */
  activate(supergraph: Supergraph): Promise<void>;
}

export interface SupergraphManager {
  /** The one that serves. */
  readonly current: Supergraph;
  /** When {@link current} was activated, ISO 8601. */
  readonly since: string;
  /** What was wrong with the last change; absent when it serves. */
  readonly failure: string | undefined;
  /** Subgraphs that could not be asked for their schema: they serve with the last good one, or are left out. */
  readonly unavailable: readonly UnavailableSchema[];
  /** Parts of subgraphs that do not serve, since their stores do not have them. */
  readonly leftOut: readonly LeftOut[];
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
  #unavailable: readonly UnavailableSchema[] = [];
  #leftOut: readonly LeftOut[] = [];
  readonly #keeper: SchemaKeeper;
  #watch: FileWatch | undefined;
  #made: AdditionalSubgraphs = NOTHING;
  /** Reloads run one after the other. */
  #reloading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: SupergraphManagerOptions) {
    this.#options = options;
    this.#keeper = new SchemaKeeper({
      folder: join(options.cacheFolder, 'schemas'),
      retryMs: options.pollMs ?? SUPERGRAPH.pollMs,
      bounds: { fetchTimeoutMs: options.fetchTimeoutMs, schemaBytes: options.schemaBytes, tlsOf: options.tlsOf },
      onError: (error) => options.log.warn({ err: error }, 'The schema of a subgraph cannot be kept.'),
    });
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

  get unavailable(): readonly UnavailableSchema[] {
    return this.#unavailable;
  }

  get leftOut(): readonly LeftOut[] {
    return this.#leftOut;
  }

  async start(): Promise<void> {
    await this.#load();
    this.#watch = watchFiles(() => void this.#look(), this.#options.pollMs ?? SUPERGRAPH.pollMs);
    this.#watch.set(this.#files(this.current.subgraphs));
  }

  reload(): Promise<void> {
    this.#keeper.retryNow();
    return this.#look();
  }

  #look(): Promise<void> {
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
    const { file, overrides, additional } = this.#options;
    const named = await readSupergraphFile(file, overrides);
    this.#made = (await additional?.()) ?? NOTHING;
    const made = this.#made;
    const twice = made.entries.find(({ name }) => named.subgraphs.some((entry) => entry.name === name));
    if (twice !== undefined)
      throw new SupergraphError(
        `${named.path}: ${twice.name} is the name of a subgraph that this server makes itself.`,
      );
    const subgraphs = [...named.subgraphs, ...made.entries];
    // What is named is watched even if it is faulty, so that mending it is noticed.
    this.#watch?.set(this.#files(subgraphs));
    const loaded = await this.#keeper.load(subgraphs);
    const { sources } = loaded;
    const unavailable = [...loaded.unavailable, ...made.unavailable];
    this.#tell(unavailable);
    this.#tellLeftOut(made.leftOut);
    if (sources.length === 0) throw new SupergraphError(unavailable.map(({ reason }) => reason).join('\n'));
    try {
      const changed = await this.#serve(sources, subgraphs);
      await this.#keeper.keep(sources, subgraphs);
      return changed;
    } catch (error) {
      if (this.#current !== undefined) throw error;
      // There is none before that could go on serving, but for what served at the last start.
      const kept = await this.#keeper.instead(sources, subgraphs);
      if (!(error instanceof SupergraphError) || hashOf(kept) === hashOf(sources))
        throw withReasons(error, unavailable);
      this.#options.log.error(
        { reason: error.message },
        'The schemas of the subgraphs do not fit together; the last good ones serve.',
      );
      this.#failure = error.message;
      return await this.#serve(kept, subgraphs);
    }
  }

  /** Composes and activates; returns whether there was anything new. */
  async #serve(sources: readonly SubgraphSource[], entries: readonly SubgraphEntry[]): Promise<boolean> {
    const { activate, cacheFolder, log } = this.#options;
    const subgraphs = entries.filter(({ name }) => sources.some((source) => source.name === name));
    refuseNameClashes(sources, new Map(this.#made.entries.map(({ name, schema }) => [name, schema.rename])));
    const hash = hashOf(sources);
    if (hash === this.#current?.hash) return false;
    const began = performance.now();
    const cached = this.#current === undefined ? await this.#composedBefore(hash) : undefined;
    const sdl = cached?.supergraphSdl ?? (await composeOrThrow(sources, log));
    const composed = performance.now();
    const supergraph: Supergraph = Object.freeze({ hash, sdl, subgraphs });
    await activate(supergraph);
    log.debug(
      {
        composeMs: Math.round(composed - began),
        cached: cached !== undefined,
        activateMs: Math.round(performance.now() - composed),
      },
      'supergraph',
    );
    this.#current = supergraph;
    this.#since = new Date().toISOString();
    if (cached === undefined) {
      await writeCache(cacheFolder, { hash, supergraphSdl: sdl }).catch((error: unknown) =>
        log.warn({ err: error }, 'The composed supergraph cannot be kept.'),
      );
    }
    return true;
  }

  /** What an earlier start composed of the same, or the build of a product, which keeps it beside the supergraph's file. */
  async #composedBefore(hash: string): Promise<CachedSupergraph | undefined> {
    const { cacheFolder, file } = this.#options;
    for (const folder of [cacheFolder, dirname(file)]) {
      const cached = await readCache(folder);
      if (cached?.hash === hash) return cached;
    }
    return undefined;
  }

  /** Says once what is missing, and once that it is back. */
  #tell(unavailable: readonly UnavailableSchema[]): void {
    const before = new Map(this.#unavailable.map((each) => [each.subgraph, each]));
    for (const { subgraph, reason, fetchedAt } of unavailable) {
      if (!before.has(subgraph))
        this.#options.log.warn(
          { subgraph, reason, fetchedAt },
          fetchedAt === undefined
            ? 'A subgraph cannot be asked for its schema and is left out until it can.'
            : 'A subgraph cannot be asked for its schema; the last good one serves.',
        );
      before.delete(subgraph);
    }
    for (const subgraph of before.keys())
      this.#options.log.info({ subgraph }, 'The schema of the subgraph can be had again.');
    this.#unavailable = unavailable;
  }

  /** Says once what is left out. */
  #tellLeftOut(leftOut: readonly LeftOut[]): void {
    const before = new Set(this.#leftOut.map(({ reason }) => reason));
    for (const { subgraph, reason } of leftOut)
      if (!before.has(reason)) this.#options.log.warn({ subgraph, reason }, 'A part of a subgraph is left out.');
    this.#leftOut = leftOut;
  }

  #files(subgraphs: readonly SubgraphEntry[]): string[] {
    return [
      this.#options.file,
      ...this.#made.files,
      ...subgraphs.flatMap(({ schema }) => ('file' in schema ? [schema.file] : [])),
    ];
  }
}

/** What does not compose may want only for what was left out. */
function withReasons(error: unknown, unavailable: readonly UnavailableSchema[]): unknown {
  const leftOut = unavailable.filter(({ fetchedAt }) => fetchedAt === undefined);
  if (!(error instanceof SupergraphError) || leftOut.length === 0) return error;
  return new SupergraphError([error.message, ...leftOut.map(({ reason }) => `Left out: ${reason}`)].join('\n'), {
    cause: error,
  });
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
