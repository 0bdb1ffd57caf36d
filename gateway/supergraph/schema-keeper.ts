/**
 * Schemas of subgraphs that are asked for them over HTTP: the last good one of each is kept in the data folder, so that
 * a start need not find them all up. One that fails is asked again after a while that doubles.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SUPERGRAPH } from '#gateway/bounds/supergraph.ts';
import { backoff } from '#subgraphs/shared/backoff.ts';
import { loadSchema, type SchemaBounds, type SubgraphSource } from './schema-source.ts';
import { SupergraphError, type SubgraphEntry } from './supergraph-file.ts';

/** A subgraph that could not be asked for its schema. */
export interface UnavailableSchema {
  /** The subgraph's name. */
  readonly subgraph: string;
  readonly reason: string;
  /** When the schema that serves in its place was fetched, ISO 8601; absent where there is none, and the subgraph left out. */
  readonly fetchedAt?: string;
}

/** What could be had. */
export interface LoadedSchemas {
  readonly sources: readonly SubgraphSource[];
  readonly unavailable: readonly UnavailableSchema[];
}

export interface SchemaKeeperOptions {
  /** Where schemas are kept between starts. */
  folder: string;
  /** The first wait after a failure, in milliseconds. */
  retryMs: number;
  /** Of asking for one; see `SUPERGRAPH` (gateway/bounds/supergraph.ts), which has the defaults. */
  bounds?: Partial<SchemaBounds>;
  /** Told when a schema cannot be kept. */
  onError(error: unknown): void;
}

const Kept = z.object({ url: z.string(), sdl: z.string(), fetchedAt: z.string() });
type Kept = z.output<typeof Kept>;

interface Failure {
  readonly url: string;
  readonly error: SupergraphError;
  readonly count: number;
  /** Before this moment it is not asked again. */
  readonly until: number;
}

export class SchemaKeeper {
  readonly #options: SchemaKeeperOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #written = new Map<string, number>();
  readonly #failures = new Map<string, Failure>();

  constructor(options: SchemaKeeperOptions) {
    this.#options = options;
  }

  /** Asks all again at the next {@link load}. */
  retryNow(): void {
    for (const [name, failure] of this.#failures) this.#failures.set(name, { ...failure, until: 0 });
  }

  /**
   * The schemas of `entries`, from where they come or as they were kept.
   * @throws SupergraphError for a schema in a file that cannot be read: that is the operator's to mend
   */
  async load(entries: readonly SubgraphEntry[]): Promise<LoadedSchemas> {
    const loaded = await Promise.all(entries.map((entry) => this.#load(entry)));
    return {
      sources: loaded.flatMap(({ source }) => source ?? []),
      unavailable: loaded.flatMap(({ unavailable }) => unavailable ?? []),
    };
  }

  /** The schemas as they were kept, where there are some; the others as they are. */
  async instead(sources: readonly SubgraphSource[], entries: readonly SubgraphEntry[]): Promise<SubgraphSource[]> {
    return await Promise.all(
      sources.map(async (source) => {
        const entry = entries.find(({ name }) => name === source.name)!;
        const kept = 'url' in entry.schema ? await this.#read(entry.name, entry.schema.url) : undefined;
        return kept === undefined ? source : { ...source, sdl: kept.sdl };
      }),
    );
  }

  /** These serve: keeps those that were fetched. */
  async keep(sources: readonly SubgraphSource[], entries: readonly SubgraphEntry[]): Promise<void> {
    for (const { name, sdl } of sources) {
      const entry = entries.find((each) => each.name === name);
      if (entry === undefined || !('url' in entry.schema) || this.#failures.has(name)) continue;
      const { url } = entry.schema;
      const before = await this.#read(name, url);
      const kept: Kept = { url, sdl, fetchedAt: new Date().toISOString() };
      this.#kept.set(name, kept);
      const old = before === undefined || Date.now() - (this.#written.get(name) ?? 0) > SUPERGRAPH.rewriteMs;
      if (before?.sdl === sdl && !old) continue;
      this.#written.set(name, Date.now());
      await this.#write(name, kept).catch(this.#options.onError);
    }
  }

  async #load(entry: SubgraphEntry): Promise<{ source?: SubgraphSource; unavailable?: UnavailableSchema }> {
    const { name, routingUrl, schema } = entry;
    if (!('url' in schema)) return { source: await loadSchema(entry) };
    const found = this.#failures.get(name);
    const before = found?.url === schema.url ? found : undefined;
    let error = before?.error;
    if (before === undefined || Date.now() >= before.until) {
      try {
        const source = await loadSchema(entry, this.#options.bounds);
        this.#failures.delete(name);
        return { source };
      } catch (failure) {
        if (!(failure instanceof SupergraphError)) throw failure;
        error = failure;
        const count = (before?.count ?? 0) + 1;
        const wait = backoff(count, { firstMs: this.#options.retryMs, longestMs: SUPERGRAPH.longestRetryMs });
        this.#failures.set(name, {
          url: schema.url,
          error,
          count,
          until: Date.now() + wait,
        });
      }
    }
    const reason = error!.message;
    const kept = await this.#read(name, schema.url);
    if (kept === undefined) return { unavailable: { subgraph: name, reason } };
    return {
      source: { name, url: routingUrl, sdl: kept.sdl, origin: schema.url },
      unavailable: { subgraph: name, reason, fetchedAt: kept.fetchedAt },
    };
  }

  /** What is kept of a subgraph at this address; nothing of another. */
  async #read(name: string, url: string): Promise<Kept | undefined> {
    let kept = this.#kept.get(name);
    if (kept === undefined) {
      try {
        kept = Kept.parse(JSON.parse(await readFile(this.#path(name), 'utf8')));
      } catch {
        return undefined; // Never kept, or by another version: it is asked for.
      }
      this.#kept.set(name, kept);
    }
    return kept.url === url ? kept : undefined;
  }

  /** Replaces the file as a whole, so that nobody reads half of it. */
  async #write(name: string, kept: Kept): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true });
    const draft = `${this.#path(name)}.${process.pid}`;
    await writeFile(draft, JSON.stringify(kept));
    await rename(draft, this.#path(name));
  }

  /** Names differ in more than file systems tell apart. */
  #path(name: string): string {
    return join(this.#options.folder, `${createHash('sha256').update(name).digest('hex').slice(0, 32)}.json`);
  }
}
