/**
 * Embeds again, in a collection beside the one in use, what another model embedded, and has the new one take its place once it is
 * whole. What is there already is found by its digest, so that whoever is stopped goes on where it was, and nothing is paid for
 * twice. Texts go document by document, so that a document's mean is of all of it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Schemas } from '@qdrant/js-client-rest';
import { isBuiltIn } from '#subgraphs/shared/built-in-models.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { VECTOR } from '../../bounds.ts';
import type { ModelRenewer, RenewalPlan, RenewalState, VectorModel } from '../../driver.ts';
import { isSameModel } from '../../indexing/collection.ts';
import { modelOf } from '../../indexing/embedding-model.ts';
import { isSameContent } from '../../indexing/content-hash.ts';
import { aloneAt, embedAgain, renewedHash, stopped, wasOf, wholeModelOf, type StoredText } from '../model-renewer.ts';
import { system } from '../system-context.ts';
import { oneOf, PAYLOAD, within } from './filter.ts';
import type { Generation } from './generation.ts';
import type { Generations } from './generations.ts';
import { DENSE, SPARSE } from './points.ts';
import { sparseText } from './sparse.ts';

export interface QdrantModelRenewerOptions {
  readonly generations: Generations;
  readonly embedder: Embedder;
  /** Keeps two processes from embedding the same. @default nothing does, and both pay */
  readonly postgres?: Postgres | undefined;
  /** When the old collection is emptied, after its place was taken: others may have looked before. @default `VECTOR.qdrantLookMs` */
  readonly tidyAfterMs?: number | undefined;
}

/** What is read of a stored chunk: all but its vectors. */
type Stored = Schemas['Record'] & { readonly payload: Record<string, unknown> };
/** Of a chunk that is there already, all but its text. */
const COMPARED = [
  'content_hash',
  PAYLOAD.documentId,
  PAYLOAD.source,
  PAYLOAD.collection,
  PAYLOAD.mediaType,
  'metadata',
  'metadata_exact',
];

/** Where it is in a pass over the stored texts. */
interface Pass {
  readonly of: string;
  readonly number: number;
  /** Where the next page begins; undefined at the beginning, null at the end. */
  offset: Schemas['ScrollResult']['next_page_offset'];
  changed: number;
}

export class QdrantModelRenewer implements ModelRenewer {
  readonly #options: QdrantModelRenewerOptions;
  #pass: Pass | undefined;

  constructor(options: QdrantModelRenewerOptions) {
    this.#options = options;
  }

  async plan(free: boolean): Promise<RenewalPlan | undefined> {
    const { generations, embedder } = this.#options;
    const context = system();
    await this.#tidy(context, 0);
    return await generations.follow(async (current) => {
      const info = await current.chunks.info(context, true);
      if (info === undefined) return undefined;
      if (free && !(isBuiltIn(info.model) && isBuiltIn((await modelOf(context, embedder)).name))) return undefined;
      const to = await wholeModelOf(embedder);
      if (isSameModel(info, to)) return undefined;
      generations.want(to);
      const counts = await generations.counts(context, current, generations.successor(to));
      return {
        from: [info.model],
        was: wasOf([info], to),
        to,
        what: `the collection ${JSON.stringify(info.name)} of all tenants`,
        ...counts,
      };
    });
  }

  async piece(plan: RenewalPlan, stopping: () => boolean): Promise<RenewalState> {
    const { postgres } = this.#options;
    const work = () => this.#piece(plan, stopping);
    return postgres === undefined ? await work() : await aloneAt(postgres, work);
  }

  async #piece({ to }: RenewalPlan, stopping: () => boolean): Promise<RenewalState> {
    const { generations } = this.#options;
    const context = system();
    return await generations.follow(async (current) => {
      const info = await current.chunks.info(context, true);
      if (info === undefined || isSameModel(info, to)) return 'DONE'; // Another process was first.
      const next = generations.successor(to);
      await next.chunks.prepare(context, to, true);
      generations.forget();
      if (this.#pass?.of !== next.chunks.name)
        this.#pass = { of: next.chunks.name, number: 1, offset: undefined, changed: 0 };
      const pass = this.#pass;
      await this.#page(context, current, next, to, pass, stopping);
      if (pass.offset !== null) return 'MORE';
      this.#pass = undefined;
      if (pass.changed > 0 && pass.number < VECTOR.renewalPasses) {
        this.#pass = { of: pass.of, number: pass.number + 1, offset: undefined, changed: 0 };
        return 'MORE';
      }
      await this.#prune(context, current, next, to, stopping);
      await this.#switch(context, current, next, to);
      return 'DONE';
    });
  }

  /** Embeds what the new collection lacks of the documents in the next page of the old one. */
  async #page(
    context: RequestContext,
    current: Generation,
    next: Generation,
    model: VectorModel,
    pass: Pass,
    stopping: () => boolean,
  ): Promise<void> {
    const { points, next_page_offset: offset } = await this.#scroll(context, current, undefined, pass.offset);
    for (const [tenantId, ids] of documentsOf(await this.#lacking(context, points, next, model))) {
      const own = system(tenantId);
      const filter = within(tenantId, [oneOf(PAYLOAD.documentId, [...ids])]);
      let from: Pass['offset'];
      do {
        const page = await this.#scroll(own, current, filter, from);
        const lacking = await this.#lacking(own, page.points, next, model);
        if (lacking.length > 0) await next.writePoints(own, await this.#embedded(own, lacking, model, stopping));
        pass.changed += lacking.length;
        from = page.next_page_offset ?? null;
      } while (from !== null);
      await next.refreshMeans(own, [...ids], model);
    }
    pass.offset = offset ?? null;
  }

  async #scroll(
    context: RequestContext,
    of: Generation,
    filter: Schemas['Filter'] | undefined,
    offset: Pass['offset'],
    payload: readonly string[] | true = true,
  ): Promise<{ points: Stored[]; next_page_offset?: Pass['offset'] }> {
    return (await of.chunks.call(context, (client) =>
      client.scroll(of.chunks.name, {
        ...(filter === undefined ? {} : { filter }),
        limit: VECTOR.renewalPage,
        with_payload: payload === true ? true : [...payload],
        with_vector: false,
        ...(offset === undefined || offset === null ? {} : { offset: offset as string }),
      }),
    )) as { points: Stored[]; next_page_offset?: Pass['offset'] };
  }

  /** Those of stored chunks that the new collection does not have as they are. */
  async #lacking(
    context: RequestContext,
    points: readonly Stored[],
    next: Generation,
    { model }: VectorModel,
  ): Promise<Stored[]> {
    if (points.length === 0) return [];
    const there = await next.chunks.call(context, (client) =>
      client.retrieve(next.chunks.name, {
        ids: points.map(({ id }) => id),
        with_payload: COMPARED,
        with_vector: false,
      }),
    );
    const byId = new Map(there.map(({ id, payload }) => [String(id), payload ?? {}]));
    return points.filter(({ id, payload }) => {
      const { content_hash: hash, ...attributes } = byId.get(String(id)) ?? {};
      if (hash === undefined || !isSameContent(String(hash), renewedHash(model, storedText(payload)))) return true;
      return COMPARED.some((key) => key !== 'content_hash' && !isDeepStrictEqual(attributes[key], payload[key]));
    });
  }

  async #embedded(
    context: RequestContext,
    stored: readonly Stored[],
    model: VectorModel,
    stopping: () => boolean,
  ): Promise<Schemas['PointStruct'][]> {
    const texts = stored.map(({ payload }) => storedText(payload));
    const renewed = await embedAgain(context, this.#options.embedder, texts, model, stopping);
    return stored.map((each, index) => {
      const { title, text } = texts[index]!;
      const { vector, contentHash } = renewed[index]!;
      return {
        id: each.id,
        vector: { [DENSE]: Array.from(vector), [SPARSE]: sparseText(title, text) },
        payload: { ...each.payload, content_hash: contentHash },
      };
    });
  }

  /** Deletes from the new collection what was deleted from the old one by a process that did not know of it. */
  async #prune(
    context: RequestContext,
    current: Generation,
    next: Generation,
    model: VectorModel,
    stopping: () => boolean,
  ): Promise<void> {
    let from: Pass['offset'];
    do {
      if (stopping()) throw stopped();
      const names = [PAYLOAD.tenant, PAYLOAD.documentId];
      const { points, next_page_offset: offset } = await this.#scroll(context, next, undefined, from, names);
      from = offset ?? null;
      if (points.length === 0) break;
      const there = await current.chunks.call(context, (client) =>
        client.retrieve(current.chunks.name, {
          ids: points.map(({ id }) => id),
          with_payload: false,
          with_vector: false,
        }),
      );
      const kept = new Set(there.map(({ id }) => String(id)));
      const gone = points.filter(({ id }) => !kept.has(String(id)));
      if (gone.length === 0) continue;
      await next.chunks.call(context, (client) =>
        client.delete(next.chunks.name, { wait: true, points: gone.map(({ id }) => id) }),
      );
      for (const [tenantId, ids] of documentsOf(gone)) await next.refreshMeans(system(tenantId), [...ids], model);
    } while (from !== null);
  }

  /** From the one write on in which the first collection tells of it, the new one is what everybody reads. */
  async #switch(context: RequestContext, current: Generation, next: Generation, { model }: VectorModel): Promise<void> {
    const { generations, tidyAfterMs = VECTOR.qdrantLookMs } = this.#options;
    const { first } = generations;
    const facts = (await first.chunks.facts(context))!;
    await next.chunks.tell(context, { model, filling: '', moved_to: '', left: '' });
    const left = current === first ? '' : current.chunks.name;
    await first.chunks.tell(context, { ...facts, filling: '', moved_to: next.chunks.name, left });
    generations.forget();
    await this.#tidy(context, tidyAfterMs);
  }

  /** Removes what is in collections whose place was taken; who was killed before is made up for at the next start. */
  async #tidy(context: RequestContext, afterMs: number): Promise<void> {
    const { first } = this.#options.generations;
    const facts = await first.chunks.facts(context);
    if (facts === undefined || facts.moved_to === '') return;
    if (afterMs > 0) await delay(afterMs);
    if (facts.left !== '' && facts.left !== facts.moved_to) {
      await this.#remove(context, first, facts.left);
      await this.#remove(context, first, `${facts.left}_documents`);
      await first.chunks.tell(context, { ...facts, left: '' });
    }
    if ((await first.countAll(context)) === 0) return;
    // Every one of them: a filter that asks for nothing.
    await first.chunks.call(context, (client) => client.delete(first.chunks.name, { wait: true, filter: {} }));
    await this.#remove(context, first, first.documents.name);
  }

  async #remove(context: RequestContext, by: Generation, name: string): Promise<void> {
    await by.chunks.call(context, (client) => client.deleteCollection(name));
  }
}

/** The documents of stored chunks, by tenant. */
function documentsOf(points: readonly Stored[]): Map<string, Set<string>> {
  const documents = new Map<string, Set<string>>();
  for (const { payload } of points) {
    const tenantId = String(payload[PAYLOAD.tenant]);
    documents.set(tenantId, (documents.get(tenantId) ?? new Set()).add(String(payload[PAYLOAD.documentId])));
  }
  return documents;
}

const storedText = (payload: Record<string, unknown>): StoredText => ({
  title: String(payload['title']),
  text: String(payload['text']),
  contentHash: String(payload['content_hash']),
});
