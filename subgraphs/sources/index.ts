/**
 * Stores that are the operator's own: a file says which, each is one more subgraph. Their schemas are made of
 * the file and of what the stores say of themselves, so they are not among the printed ones.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GraphQLSchema } from 'graphql';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import type { AuditSink, Embedder } from '#subgraphs/shared/ports.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import { subgraphSdl } from '#subgraphs/shared/subgraph-sdl.ts';
import { SOURCES } from './bounds.ts';
import { ChangeHub } from './changes/hub.ts';
import type { Catalog, SourceDriver, SourceOptions } from './driver.ts';
import { buildWhatIsThere, type LeftOut } from './model/build.ts';
import { unheldKeys } from './model/unheld-keys.ts';
import type { SourceSettings } from './model/format.ts';
import { isUrlOf, KINDS, type KindName } from './model/kinds.ts';
import { Faults, parseSources, readSources } from './model/read.ts';
import { buildSchema } from './schema/index.ts';

/** What opens each kind; a kind's client is loaded when a source is of it. */
const OPEN: Readonly<Record<KindName, (options: SourceOptions) => Promise<SourceDriver>>> = {
  postgres: async (options) => (await import('./drivers/postgres/index.ts')).createPostgresSource(options),
  qdrant: async (options) => (await import('./drivers/qdrant/index.ts')).createQdrantSource(options),
  neo4j: async (options) => (await import('./drivers/neo4j/index.ts')).createNeo4jSource(options),
  mongodb: async (options) => (await import('./drivers/mongodb/index.ts')).createMongodbSource(options),
  s3: async (options) => (await import('./drivers/s3/index.ts')).createS3Source(options),
  sqlite: async (options) => (await import('./drivers/sqlite/index.ts')).createSqliteSource(options),
  clickhouse: async (options) => (await import('./drivers/clickhouse/index.ts')).createClickhouseSource(options),
  mysql: async (options) => (await import('./drivers/mysql/index.ts')).createMysqlSource(options),
  mariadb: async (options) => (await import('./drivers/mysql/index.ts')).createMariadbSource(options),
};

export interface SourcesConfig extends BoundValues<typeof SOURCES> {
  /** The file that says which there are. */
  readonly file: string;
  /** Where it is kept what the stores said of themselves, for starts that find one away. */
  readonly cacheFolder: string;
  /** The value of a variable as it is now; undefined where it is not set. */
  readonly valueOf: (variable: string) => string | undefined;
}

export interface SourcesDeps {
  /** Keeps who changed what in the audit log. */
  readonly audit: AuditSink['changed'];
  /** Makes vectors of texts; undefined where nothing does, and while it is not there yet. */
  readonly embedder: () => Embedder | undefined;
  readonly log: (message: string, error?: unknown) => void;
}

/** One source as a subgraph. */
export interface SourceSubgraph {
  readonly name: string;
  /** Tells one making of it from another: equal ones answer alike. */
  readonly revision: string;
  readonly schema: GraphQLSchema;
  /** What composition is given. */
  readonly typeDefs: string;
}

export interface LoadedSources {
  readonly subgraphs: readonly SourceSubgraph[];
  /** Those that cannot be asked what they hold; `servesOld` where what they said at another time serves. */
  readonly unavailable: readonly { readonly name: string; readonly reason: string; readonly fetchedAt?: string }[];
  /** What the file says of stores that they no longer have, or that has something in its way now. */
  readonly leftOut: readonly LeftOut[];
}

interface Opened {
  readonly driver: SourceDriver;
  readonly hub: ChangeHub;
  /** What it was opened with. */
  readonly settings: string;
}

interface Known {
  readonly catalog: Catalog;
  /** The last one that had all that the file said. */
  readonly good: Catalog | undefined;
  /** Of which making of the file; of none where it is from another start. */
  readonly stamp: string | undefined;
  readonly fetchedAt: string;
}

export class Sources {
  readonly #config: SourcesConfig;
  readonly #deps: SourcesDeps;
  readonly #drivers = new Map<string, Opened>();
  /** Drivers of settings that were: what is under way may use them still, and their connections end where nobody does. */
  readonly #retired: Opened[] = [];
  readonly #catalogs = new Map<string, Known>();
  /** What was seen last, whether it serves or not. */
  readonly #seen = new Map<string, Known>();
  /** What was said of keys already. */
  readonly #told = new Set<string>();
  /** Stores that are to be looked at again, whatever is known. */
  readonly #again = new Set<string>();
  /** When a store may be looked at again by itself, by `performance.now()`. */
  readonly #notBefore = new Map<string, number>();
  #loaded: { readonly key: string; readonly sources: LoadedSources } | undefined;

  constructor(config: SourcesConfig, deps: SourcesDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /**
   * The sources as the file has them now. A store is asked what it holds when the file was saved since, and as long as it
   * could not be asked; and where a value shows that it has changed. What it says is kept once it serves: it tells what it loses later from what the file got wrong.
   * @throws CodedError `BAD_USER_INPUT` for what is wrong with the file, with every fault
   */
  async load(): Promise<LoadedSources> {
    const { file } = this.#config;
    const { text, shown } = await readSources(file);
    const { mtimeMs } = await stat(file);
    const stamp = createHash('sha256').update(`${mtimeMs}\0${text}`).digest('hex');
    const loaded = this.#loaded;
    if (loaded?.key === stamp && loaded.sources.unavailable.length === 0 && this.#again.size === 0)
      return loaded.sources;
    const parsed = parseSources(text, shown);
    const faults = new Faults(parsed);
    for (const [name, { url }] of Object.entries(parsed.data.sources))
      if (this.#config.valueOf(url) === undefined)
        faults.add(
          ['sources', name, 'url'],
          `${name}: ${url} is not set. Set it (or ${url}_FILE) to the URL of the database.`,
        );
    faults.throwIfAny();
    for (const [name, opened] of this.#drivers) {
      if (name in parsed.data.sources) continue;
      this.#retired.push(opened);
      this.#drivers.delete(name);
      this.#again.delete(name);
      this.#catalogs.delete(name);
      this.#seen.delete(name);
    }
    const looked = await Promise.all(
      Object.entries(parsed.data.sources).map(async ([name, settings]) => await this.#look(name, settings, stamp)),
    );
    const known = new Map(
      looked.flatMap(({ name, known, unavailable }) =>
        known === undefined ? [] : [[name, { ...known, away: unavailable !== undefined }] as const],
      ),
    );
    const { models: made, leftOut } = buildWhatIsThere(parsed, known);
    for (const [name, { catalog }] of known)
      for (const told of unheldKeys(parsed, name, catalog)) {
        if (this.#told.has(told)) continue;
        this.#told.add(told);
        this.#deps.log(told);
      }
    const models = new Map(made.map((model) => [model.source, model]));
    const subgraphs = looked.flatMap(({ name, settings, opened, known }): SourceSubgraph[] => {
      const model = models.get(name);
      if (model === undefined) return [];
      const schema = buildSchema(model, opened.driver, {
        ...this.#deps,
        hub: opened.hub,
        changed: (what) => this.#changed(name, what),
      });
      const typeDefs = subgraphSdl(schema);
      const revision = createHash('sha256')
        .update(JSON.stringify([settings, known?.catalog, model.stubs, typeDefs]))
        .digest('hex');
      return [{ name, revision, schema, typeDefs }];
    });
    for (const { name, settings, known, unavailable } of looked) {
      if (known === undefined || unavailable !== undefined || this.#catalogs.get(name) === known) continue;
      const isWhole = !leftOut.some((each) => each.sources.includes(name));
      const kept = isWhole ? { ...known, good: known.catalog } : known;
      this.#catalogs.set(name, kept);
      await this.#keep(name, settings, kept).catch((error: unknown) =>
        this.#deps.log(`What ${name} says of itself cannot be kept.`, error),
      );
    }
    const sources = { subgraphs, unavailable: looked.flatMap(({ unavailable }) => unavailable ?? []), leftOut };
    this.#loaded = { key: stamp, sources };
    return sources;
  }

  /** Probes the stores; never throws. */
  async health(): Promise<StoreHealth[]> {
    return await Promise.all([...this.#drivers.values()].map(({ driver }) => driver.health()));
  }

  /** Ends its connections. Idempotent. */
  async close(): Promise<void> {
    const all = [...this.#retired, ...this.#drivers.values()];
    await Promise.all(all.map(({ hub }) => hub.close()));
    await Promise.all(all.map(({ driver }) => driver.close()));
  }

  async #look(name: string, settings: SourceSettings, stamp: string) {
    const opened = await this.#open(name, settings);
    const { driver } = opened;
    const kept = this.#catalogs.get(name) ?? (await this.#read(name, settings));
    const again = this.#again.delete(name);
    if (!again && kept?.stamp === stamp) return { name, settings, opened, known: kept };
    const seen = this.#seen.get(name);
    if (!again && seen?.stamp === stamp) return { name, settings, opened, known: { ...seen, good: kept?.good } };
    try {
      // Clients of stores take what is no URL for the name of a database, or of a host.
      if (!isUrlOf(settings.kind, this.#urlOf(settings)))
        throw new CodedError(
          'STORE_UNAVAILABLE',
          `${settings.url} holds no URL of a store of the kind ${settings.kind}.`,
          {
            hint: `Such URLs begin with ${KINDS[settings.kind].schemes.join(' or ')}`,
          },
        );
      const catalog = await driver.introspect(settings.schemas);
      const known = { catalog, good: kept?.good, stamp, fetchedAt: new Date().toISOString() };
      this.#seen.set(name, known);
      return { name, settings, opened, known };
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      const reason = messageWithHint(error);
      return { name, settings, opened, known: kept, unavailable: { name, reason, fetchedAt: kept?.fetchedAt } };
    }
  }

  async #open(name: string, settings: SourceSettings): Promise<Opened> {
    const { kind, url, preparedStatements } = settings;
    const made = JSON.stringify([kind, url, preparedStatements, settings.schemas]);
    const open = this.#drivers.get(name);
    if (open?.settings === made) return open;
    if (open !== undefined) {
      this.#retired.push(open);
      this.#catalogs.delete(name);
      this.#seen.delete(name);
    }
    const driver = await OPEN[kind]({
      ...this.#config,
      name,
      variable: url,
      url: () => this.#urlOf(settings),
      preparedStatements,
      onIdleError: (error) => this.#deps.log(`A connection to the source ${name} broke; the pool replaces it.`, error),
    });
    const opened = { driver, hub: new ChangeHub({ ...this.#config, log: this.#deps.log }), settings: made };
    this.#drivers.set(name, opened);
    return opened;
  }

  /** Has a store looked at again that is not as it was, once in a while at the most. */
  #changed(name: string, what: string): void {
    const now = performance.now();
    if (!this.#drivers.has(name) || now < (this.#notBefore.get(name) ?? 0)) return;
    this.#notBefore.set(name, now + SOURCES.lookedAgainMs);
    this.#again.add(name);
    this.#deps.log(`The source ${name} has changed: ${what}. It is looked at again.`);
  }

  #urlOf({ url }: SourceSettings): string {
    return this.#config.valueOf(url) ?? '';
  }

  /** Replaces what is kept as a whole, so that nobody reads half of it. */
  async #keep(name: string, settings: SourceSettings, { catalog, good, fetchedAt }: Known): Promise<void> {
    await mkdir(this.#config.cacheFolder, { recursive: true });
    const path = this.#path(name, settings);
    await writeFile(
      `${path}.${process.pid}`,
      JSON.stringify({ catalog, fetchedAt, ...(good === catalog ? {} : { good: good ?? null }) }),
    );
    await rename(`${path}.${process.pid}`, path);
  }

  async #read(name: string, settings: SourceSettings): Promise<Known | undefined> {
    try {
      const { catalog, fetchedAt, good } = JSON.parse(await readFile(this.#path(name, settings), 'utf8')) as Pick<
        Known,
        'catalog' | 'fetchedAt'
      > & { good?: Catalog | null };
      return { catalog, fetchedAt, good: good === undefined ? catalog : (good ?? undefined), stamp: undefined };
    } catch {
      return undefined; // Never kept, or by another version: the store is asked.
    }
  }

  #path(name: string, { kind, url, schemas }: SourceSettings): string {
    const hash = createHash('sha256')
      .update(JSON.stringify([4, name, kind, url, schemas]))
      .digest('hex');
    return join(this.#config.cacheFolder, `${hash}.json`);
  }
}

/** Looks at a database once. @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT` */
export async function lookAt({
  kind,
  schemas,
  ...options
}: Omit<SourceOptions, 'preparedStatements' | 'onIdleError'> & {
  readonly kind: KindName;
  readonly schemas: readonly string[];
}): Promise<Catalog> {
  const driver = await OPEN[kind]({ ...options, preparedStatements: false, onIdleError: () => undefined });
  try {
    return await driver.introspect(schemas);
  } finally {
    await driver.close();
  }
}
