/** The way to a MongoDB that is the operator's own. Values come as BSON has them, so that none loses digits. */
import { MongoClient, MongoError, MongoServerError, type Document, type FindOptions } from 'mongodb';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { SOURCES } from '../../bounds.ts';
import type { SourceOptions } from '../../driver.ts';

export interface Found {
  readonly name: string;
  readonly view: boolean;
}

/** MongoDB's numbers of what went wrong. */
const [UNAUTHORIZED, AUTHENTICATION_FAILED, TOO_LATE] = [13, 18, 50];

export class MongoServer {
  readonly #options: SourceOptions;
  #open: { readonly url: string; readonly client: MongoClient } | undefined;
  /** Of a URL that was: what is under way may use it still. */
  #retired: MongoClient | undefined;
  /** Of collections that compare texts by a language, by database and name. */
  readonly #collated = new Map<string, Promise<ReadonlySet<string>>>();

  /** @throws CodedError `STORE_UNAVAILABLE` for what is no such URL */
  constructor(options: SourceOptions) {
    this.#options = options;
    this.#client();
  }

  /** The database that the URL names. */
  get database(): string {
    return decodeURIComponent(new URL(this.#options.url().replace(/^mongodb(\+srv)?:\/\/[^/?]*/, 'mongodb://host')).pathname.slice(1)); // prettier-ignore
  }

  async collections(database: string): Promise<Found[]> {
    const found = await this.#ask(undefined, (client, signal) =>
      client.db(database).listCollections({}, { signal, nameOnly: false }).toArray(),
    );
    return found
      .map(({ name, type }) => ({ name, view: type === 'view' }))
      .filter(({ name }) => !name.startsWith('system.'))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @param direction 1 for the first that were stored, -1 for the last ids */
  async sample(database: string, name: string, limit: number, direction: 1 | -1): Promise<Document[]> {
    return await this.#ask(undefined, (client, signal) =>
      client
        .db(database)
        .collection(name)
        .find({}, { limit, signal, maxTimeMS: this.#time, ...(direction === 1 ? {} : { sort: { _id: -1 } }) })
        .toArray(),
    );
  }

  async estimate(database: string, name: string): Promise<number> {
    const counted = await this.#ask(undefined, (client) =>
      client.db(database).collection(name).estimatedDocumentCount({ maxTimeMS: this.#time }),
    );
    return Number(counted);
  }

  /** Fields of which no two documents have the same, by indexes. */
  async uniques(database: string, name: string): Promise<string[][]> {
    const indexes = await this.#ask(undefined, (client) =>
      client.db(database).collection(name).listIndexes({ maxTimeMS: this.#time }).toArray(),
    );
    return (indexes as Document[])
      .filter(
        ({ unique, partialFilterExpression, collation }) => unique === true && !partialFilterExpression && !collation,
      )
      .map(({ key }) => Object.keys(key as object));
  }

  /** One statement, read as it comes. */
  async *find(
    context: RequestContext,
    { schema, table }: { readonly schema: string; readonly table: string },
    filter: Document,
    options: FindOptions,
  ): AsyncGenerator<readonly Document[]> {
    const collation = await this.#collationOf(schema, table);
    const { signal, late } = this.#signal(context);
    const client = this.#begin(context);
    const cursor = client
      .db(schema)
      .collection(table)
      .find(filter, { ...options, ...collation, signal, maxTimeMS: this.#time });
    try {
      while (await cursor.hasNext()) yield cursor.readBufferedDocuments();
    } catch (error) {
      throw this.#told(error, context, late());
    } finally {
      // Whatever became of it: one that is read to its end is closed already.
      await cursor.close().catch(() => undefined);
    }
  }

  async aggregate(
    context: RequestContext,
    { schema, table }: { readonly schema: string; readonly table: string },
    pipeline: Document[],
  ): Promise<Document[]> {
    const collation = await this.#collationOf(schema, table);
    return await this.#ask(context, (client, signal) =>
      client
        .db(schema)
        .collection(table)
        .aggregate(pipeline, { ...collation, signal, maxTimeMS: this.#time })
        .toArray(),
    );
  }

  async ping(): Promise<void> {
    await this.#ask(undefined, (client, signal) => client.db(this.database).command({ ping: 1 }, { signal }));
  }

  async close(): Promise<void> {
    await Promise.all([this.#open?.client.close(), this.#retired?.close()]);
  }

  get #time(): number {
    return this.#options.statementTimeoutMs;
  }

  /** Texts compare by code point, also in a collection that would compare them by a language. */
  async #collationOf(database: string, name: string): Promise<Pick<FindOptions, 'collation'>> {
    let known = this.#collated.get(database);
    if (known === undefined) {
      known = this.#ask(undefined, (client, signal) =>
        client.db(database).listCollections({}, { signal, nameOnly: false }).toArray(),
      ).then((found) => new Set(found.flatMap(({ name: each, ...info }) => ('options' in info && info.options?.['collation'] ? [each] : [])))); // prettier-ignore
      this.#collated.set(database, known);
      known.catch(() => this.#collated.delete(database));
    }
    return (await known).has(name) ? { collation: { locale: 'simple' } } : {};
  }

  /** Passwords of files change. */
  #client(): MongoClient {
    const { name, variable, url, poolSize, connectTimeoutMs, statementTimeoutMs, idleMs } = this.#options;
    const now = url();
    if (this.#open?.url === now) return this.#open.client;
    try {
      const client = new MongoClient(now, {
        maxPoolSize: poolSize,
        maxIdleTimeMS: idleMs,
        waitQueueTimeoutMS: connectTimeoutMs,
        serverSelectionTimeoutMS: connectTimeoutMs,
        connectTimeoutMS: connectTimeoutMs,
        socketTimeoutMS: statementTimeoutMs * 2,
        promoteValues: false,
        promoteLongs: false,
        promoteBuffers: false,
        bsonRegExp: true,
        appName: 'tributary',
      });
      if (this.database === '') throw new Error('It names no database.');
      void this.#retired?.close();
      this.#retired = this.#open?.client;
      this.#open = { url: now, client };
      return client;
    } catch (cause) {
      // The URL may hold a password: its words are the cause's alone.
      throw new CodedError('STORE_UNAVAILABLE', `The URL of the source ${name} cannot be read.`, {
        cause,
        hint: `Set ${variable} to one that names a database, such as mongodb+srv://reader:…@cluster.example/shop.`,
      });
    }
  }

  #begin(context: RequestContext | undefined): MongoClient {
    context?.signal?.throwIfAborted();
    context?.statements.add('mongodb');
    return this.#client();
  }

  #signal(context: RequestContext | undefined): { readonly signal: AbortSignal; readonly late: () => boolean } {
    const timeout = AbortSignal.timeout(this.#time);
    const signal = context?.signal === undefined ? timeout : AbortSignal.any([timeout, context.signal]);
    return { signal, late: () => timeout.aborted };
  }

  async #ask<Answer>(
    context: RequestContext | undefined,
    send: (client: MongoClient, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const { signal, late } = this.#signal(context);
    context?.signal?.throwIfAborted();
    const ask = async (): Promise<Answer> => await send(this.#client(), signal);
    try {
      return await (context === undefined ? ask() : context.statements.timed('mongodb', ask));
    } catch (error) {
      throw this.#told(error, context, late());
    }
  }

  #told(error: unknown, context: RequestContext | undefined, late: boolean): unknown {
    context?.signal?.throwIfAborted();
    if (error instanceof CodedError) return error;
    const { name, variable } = this.#options;
    const store = `The source ${name}`;
    const code = (error as MongoServerError).code;
    if (late || code === TOO_LATE) return storeTimeout(store, error);
    if (code === AUTHENTICATION_FAILED)
      return storeUnavailable(store, error, `MongoDB refused the user or password: check ${variable}.`);
    if (code === UNAUTHORIZED)
      return storeUnavailable(store, error, `Grant the user of ${variable} the role \`read\` of its database.`);
    if (error instanceof MongoServerError) {
      const cause = new Error(`MongoDB answered ${String(code)}: ${error.message.slice(0, SOURCES.answerCharacters)}`);
      return new CodedError('STORE_UNAVAILABLE', `${store} failed to answer.`, { cause, hint: 'The log says why.' });
    }
    if (error instanceof MongoError) return storeUnavailable(store, error, `Check that a MongoDB runs at ${variable}.`);
    return error;
  }
}
