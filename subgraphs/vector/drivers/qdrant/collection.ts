/**
 * A collection in Qdrant: what it must be, looking whether it is, and making what is missing. All tenants share one, each
 * with a graph of its own (`is_tenant`, `m: 0`).
 */
import type { QdrantClient, Schemas } from '@qdrant/js-client-rest';

import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, conflict } from '#subgraphs/shared/errors.ts';
import { VECTOR } from '../../bounds.ts';
import type { CollectionInfo, VectorModel } from '../../driver.ts';
import { checkModel } from '../../indexing/collection.ts';
import type { QdrantConnection } from './connection.ts';
import { lacksIndex, sentenceOf, unknownCollection } from './errors.ts';

/** What a collection is made of. */
export interface CollectionShape {
  /** The dense vector's name. */
  readonly dense: string;
  /** The sparse vector's, where there is one. */
  readonly sparse?: string;
  /** The payload's keys that filters use, each with its keyword index. */
  readonly indexes: Readonly<Record<string, KeywordIndex>>;
  /** What the operator calls it. @default its name in Qdrant */
  readonly called?: string;
  /** The collection that tells where points are, where this one is not there. @default this one, which a write makes */
  readonly first?: string | undefined;
}

/** Thrown by whatever looks at a collection whose points are in another one now: what another model embedded. */
export class Moved extends Error {
  /** The name of that collection in Qdrant. */
  readonly to: string;

  constructor(to: string) {
    super(`It is in ${to} now.`);
    this.to = to;
  }
}

/** What is kept in a collection's metadata. Texts alone, empty for none: a change of some may or may not leave others. */
export interface CollectionFacts {
  readonly model: string;
  /** `yes` until what another model embedded is embedded again here as a whole. */
  readonly filling: string;
  /** The collection that has taken this one's place. */
  readonly moved_to: string;
  /** A collection whose place was taken before, and that is to be deleted. */
  readonly left: string;
}

/**
 * A keyword index. `prefix` (1.19, qdrant/qdrant#9683) and `enable_hnsw` (1.17) are not in the types of the client that
 * still runs on Node 20.
 */
export interface KeywordIndex {
  /** Points of one value lie together, and have a graph of their own. */
  readonly is_tenant?: true;
  /** `false`: no graph for each value, which only a search by that value alone would walk. */
  readonly enable_hnsw?: false;
  /** Answers `match: { prefix }`. */
  readonly prefix?: true;
}

/** What the last look saw. */
interface Seen {
  readonly info: CollectionInfo;
  readonly facts: CollectionFacts;
  readonly missing: readonly string[];
  readonly at: number;
}

export class QdrantCollection {
  readonly name: string;
  readonly #connection: QdrantConnection;
  readonly #shape: CollectionShape;
  #seen: Seen | undefined;
  /** Indexes that this process made: one that the server describes otherwise than it was asked for is not made again. */
  readonly #indexed = new Set<string>();

  constructor(connection: QdrantConnection, name: string, shape: CollectionShape) {
    this.#connection = connection;
    this.name = name;
    this.#shape = shape;
  }

  /**
   * What the collection is; undefined where there is none. Makes indexes that are missing.
   * @param now whether a look of a moment ago does not do, because what follows writes
   * @throws CodedError `CONFLICT` for one that this gateway cannot use
   * @throws Moved
   */
  async info(context: RequestContext, now = false): Promise<CollectionInfo | undefined> {
    if (!now && this.#seen !== undefined && performance.now() - this.#seen.at < VECTOR.qdrantLookMs)
      return this.#seen.info;
    const seen = await this.#look((ask) => this.#connection.call(context, this.name, ask));
    if (seen === undefined) {
      this.forget();
      if (this.#shape.first !== undefined) throw new Moved(this.#shape.first);
      return undefined;
    }
    for (const key of seen.missing) await this.#index(context, key);
    this.#seen = { ...seen, missing: [] };
    return seen.info;
  }

  /** @throws CodedError `CONFLICT` where there is no collection */
  async known(context: RequestContext): Promise<CollectionInfo> {
    const info = await this.info(context);
    if (info === undefined) throw unknownCollection(this.name);
    return info;
  }

  /**
   * Makes the collection and its indexes where they are missing, whoever was killed before it had made them.
   * @param filling whether it is to take another's place once it is whole
   * @throws CodedError `CONFLICT` for vectors of another model
   */
  async prepare(context: RequestContext, model: VectorModel, filling = false): Promise<void> {
    const known = filling && (await this.facts(context)) === undefined ? undefined : await this.info(context, true);
    if (known !== undefined) return checkModel(known, model);
    const { dense, sparse } = this.#shape;
    try {
      await this.#connection.call(context, this.name, (client) =>
        // Not by the client's own method, which leaves `metadata` out.
        client.api().createCollection({
          collection_name: this.name,
          vectors: { [dense]: { size: model.dimensions, distance: 'Cosine', on_disk: true } },
          ...(sparse === undefined ? {} : { sparse_vectors: { [sparse]: { modifier: 'idf' } } }),
          on_disk_payload: true,
          // No graph over all tenants, one for each.
          hnsw_config: { m: 0, payload_m: 16 },
          // The server, too, refuses to filter by what has no index.
          strict_mode_config: { enabled: true, unindexed_filtering_retrieve: false, unindexed_filtering_update: false },
          metadata: filling ? { model: model.model, filling: 'yes' } : { model: model.model },
        }),
      );
    } catch (error) {
      // Another process was first.
      if (statusOf(error) !== 409) throw error;
    }
    const made = await this.info(context, true);
    if (made === undefined) throw unknownCollection(this.name);
    checkModel(made, model);
  }

  /** What its metadata say, looked at now, wherever its points are; undefined where there is none. */
  async facts(context: RequestContext): Promise<CollectionFacts | undefined> {
    return (await this.#look((ask) => this.#connection.call(context, this.name, ask), false))?.facts;
  }

  /** Writes its metadata, all of them. */
  async tell(context: RequestContext, facts: CollectionFacts): Promise<void> {
    await this.#connection.call(context, this.name, (client) =>
      client.api().updateCollection({ collection_name: this.name, metadata: { ...facts } }),
    );
    this.forget();
  }

  /** Asks the server about this collection; anew, once, where another process remade it without its indexes. */
  async call<T>(context: RequestContext, ask: (client: QdrantClient) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connection.call(context, this.name, ask);
      } catch (error) {
        const lacking = lacksIndex(originOf(error));
        // It is not the collection that this process knew.
        if (lacking || (error instanceof CodedError && error.code === 'CONFLICT')) this.forget();
        if (!lacking || attempt > 1) throw error;
        await this.known(context);
      }
    }
  }

  /** What keeps the collection from being used; undefined where nothing does, or where there is none yet. */
  async fault(): Promise<string | undefined> {
    const seen = await this.#look((ask) => this.#connection.ask(this.name, ask));
    if (seen === undefined || seen.missing.length === 0) return undefined;
    return `The collection ${JSON.stringify(this.name)} lacks the payload indexes ${seen.missing.join(', ')}; the next search or write makes them.`;
  }

  async #look(
    call: <T>(ask: (client: QdrantClient) => Promise<T>) => Promise<T>,
    follows = true,
  ): Promise<Seen | undefined> {
    let found: Schemas['CollectionInfo'];
    try {
      found = await call((client) => client.getCollection(this.name));
    } catch (error) {
      if (statusOf(error) === 404 && /collection/i.test(sentenceOf(originOf(error)))) return undefined;
      throw error;
    }
    const facts = factsIn(found.config.metadata);
    if (follows && facts.moved_to !== '') throw new Moved(facts.moved_to);
    const schema: Readonly<Record<string, Schemas['PayloadIndexInfo'] | undefined>> = found.payload_schema;
    const missing = Object.entries(this.#shape.indexes).filter(
      ([key, wanted]) => schema[key] === undefined || (!this.#indexed.has(key) && !isLike(schema[key], wanted)),
    );
    return { info: this.#check(found.config), facts, missing: missing.map(([key]) => key), at: performance.now() };
  }

  #check({ params, metadata }: Schemas['CollectionConfig']): CollectionInfo {
    const { dense, sparse } = this.#shape;
    const vector = (params.vectors as Record<string, Schemas['VectorParams'] | undefined> | undefined)?.[dense];
    const model = (metadata as Record<string, unknown> | null | undefined)?.['model'];
    const refuse = (why: string) =>
      conflict(`The collection ${JSON.stringify(this.name)} in Qdrant was not made by this gateway: ${why}.`, {
        hint: 'Set VECTOR_COLLECTION to another name; the first document that is indexed makes that collection.',
      });
    if (typeof model !== 'string') throw refuse('it does not say which model embedded it');
    if (vector === undefined) throw refuse(`it has no vector ${JSON.stringify(dense)}`);
    if (vector.distance !== 'Cosine') throw refuse(`it compares by ${vector.distance}, not by Cosine`);
    const words = sparse === undefined ? undefined : params.sparse_vectors?.[sparse];
    if (sparse !== undefined && words?.modifier !== 'idf')
      throw refuse(`it has no sparse vector ${JSON.stringify(sparse)} with the modifier "idf"`);
    return { name: this.#shape.called ?? this.name, model, dimensions: vector.size };
  }

  async #index(context: RequestContext, key: string): Promise<void> {
    await this.#connection.call(context, this.name, (client) =>
      client.createPayloadIndex(this.name, {
        wait: true,
        field_name: key,
        field_schema: { type: 'keyword', ...this.#shape.indexes[key] } as Schemas['KeywordIndexParams'],
      }),
    );
    this.#indexed.add(key);
  }

  /** Whatever was seen of it: the next to ask looks. */
  forget(): void {
    this.#seen = undefined;
    this.#indexed.clear();
  }
}

function factsIn(metadata: unknown): CollectionFacts {
  const given = (metadata ?? {}) as Record<string, unknown>;
  const text = (name: keyof CollectionFacts) => (typeof given[name] === 'string' ? given[name] : '');
  return { model: text('model'), filling: text('filling'), moved_to: text('moved_to'), left: text('left') };
}

/** Whether an index is as it is wanted. What the server leaves out is its default. */
function isLike({ data_type, params }: Schemas['PayloadIndexInfo'], wanted: KeywordIndex): boolean {
  const is = (params ?? {}) as { is_tenant?: boolean; enable_hnsw?: boolean; prefix?: unknown };
  return (
    data_type === 'keyword' &&
    (is.is_tenant ?? false) === (wanted.is_tenant ?? false) &&
    (is.enable_hnsw ?? true) === (wanted.enable_hnsw ?? true) &&
    // Described as it was sent, or as an object of options: the recorded exchanges have none.
    Boolean(is.prefix) === (wanted.prefix ?? false)
  );
}

/** What the client threw, inside of what it was mapped to. */
function originOf(error: unknown): unknown {
  let origin = error;
  while (origin instanceof Error && origin.cause instanceof Error) origin = origin.cause;
  return origin;
}

const statusOf = (error: unknown): number | undefined => (originOf(error) as { status?: number }).status;
