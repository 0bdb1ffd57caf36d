/**
 * Compares the stores that follow documents, and the one that follows remembered facts, with the relational store, which is the truth, and has the outbox deliver
 * again what differs; before that, documents that were cut otherwise than today are cut again. Tenant by tenant and page by page, so that its memory does not depend on how much there is. What
 * the outbox is still going to deliver is no difference.
 */
import { parse } from 'graphql';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import { INDEXED_KINDS, isIndexedId, type IndexedKind } from '#subgraphs/shared/indexed-kind.ts';
import { INDEXING } from '#gateway/bounds/indexing.ts';
import { DIFFERING, REFERENCES, type Reference } from './differing.ts';
import { INDEXED_STORES, type IndexedStore } from './outbox.ts';
import { recut, type RecutOptions, type RecutReport } from './recut.ts';
import type { SubgraphCall } from './subgraph-call.ts';

export type DifferenceKind =
  /** The store has nothing, or something else, of a document. */
  | 'DIFFERS'
  /** The store has something of a document that does not exist. */
  | 'ORPHAN';

export interface Difference {
  readonly tenantId: string;
  readonly store: IndexedStore;
  readonly kind: DifferenceKind;
  /** The document's id, or the remembered fact's. */
  readonly documentId: string;
  /** Where the orphaned bytes are. */
  readonly objectKey: string | null;
}

export interface ReconcileOptions {
  readonly call: SubgraphCall;
  /** Has the outbox deliver again what differs. */
  readonly mend: boolean;
  /** Only this tenant. @default all that ever wrote */
  readonly tenantId?: string;
  /** Documents of one page. @default 25 */
  readonly pageSize?: number;
  readonly onDifference?: (difference: Difference) => void;
  /** Called with each document that cannot be cut again. */
  readonly onRefused?: RecutOptions['onRefused'];
}

export interface ReconcileReport {
  readonly tenants: number;
  readonly documents: number;
  readonly facts: number;
  /** Of sessions, those that are followed. */
  readonly messages: number;
  /** By store and kind. */
  readonly differences: Readonly<Record<IndexedStore, Readonly<Record<DifferenceKind, number>>>>;
  readonly found: number;
  /** Entries of the outbox that are due now because of this. */
  readonly redelivered: number;
  /** Documents that were cut by an older version or for another limit; with `mend` they were cut again first. */
  readonly cutting: RecutReport;
  /** Stores that could not be compared, and why. */
  readonly skipped: Readonly<Partial<Record<IndexedStore, string>>>;
}

const TENANTS = parse('query TenantIds($first: Int!, $after: ID) { tenantIds(first: $first, after: $after) }');
const KNOWN = parse(
  'query KnownDocuments($store: IndexedStore!, $ids: [ID!]!) { knownDocuments(store: $store, ids: $ids) }',
);
const REDELIVER = parse(
  'mutation RedeliverDocuments($input: RedeliverDocumentsInput!) { redeliverDocuments(input: $input) { redelivered } }',
);
const OBJECT_KEYS = parse(/* GraphQL */ `
  query ObjectKeys($prefix: String!, $after: String) {
    objects(prefix: $prefix, first: ${INDEXING.reconcilePage}, after: $after) {
      edges {
        node {
          key
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
const VECTOR_DOCUMENTS = parse(
  'query VectorDocuments($kind: IndexedKind!, $first: Int!, $after: String) { vectorDocuments(kind: $kind, first: $first, after: $after) { ids next } }',
);
const GRAPH_DOCUMENTS = parse(
  'query GraphDocuments($first: Int!, $after: ID) { graphDocuments(first: $first, after: $after) }',
);

/** Where documents' bytes are kept: `documents/<id>/<name>`. What people keep beside them is theirs. */
const DOCUMENT_KEY = /^documents\/(doc_[a-z0-9]+)\//;

/**
 * Runs one comparison.
 * @throws CodedError when the relational store cannot be read; other stores that cannot are skipped
 */
export async function reconcile(options: ReconcileOptions): Promise<ReconcileReport> {
  const run = new Run(options, await recut(options));
  if (options.tenantId !== undefined) await run.tenant(options.tenantId);
  else {
    for (let after = null as string | null; ;) {
      const { tenantIds } = await options.call<{ tenantIds: string[] }>('relational', TENANTS, {
        first: INDEXING.reconcilePage,
        after,
      });
      for (const tenantId of tenantIds) await run.tenant(tenantId);
      if (tenantIds.length < INDEXING.reconcilePage) break;
      after = tenantIds.at(-1)!;
    }
  }
  return run.report();
}

class Run {
  readonly #options: ReconcileOptions;
  readonly #cutting: RecutReport;
  readonly #counts = Object.fromEntries(INDEXED_STORES.map((store) => [store, { DIFFERS: 0, ORPHAN: 0 }])) as Record<
    IndexedStore,
    Record<DifferenceKind, number>
  >;
  readonly #skipped: Partial<Record<IndexedStore, string>> = {};
  #tenants = 0;
  readonly #compared: Record<IndexedKind, number> = { DOCUMENT: 0, MEMORY_FACT: 0, MESSAGE: 0 };
  #redelivered = 0;

  constructor(options: ReconcileOptions, cutting: RecutReport) {
    this.#options = options;
    this.#cutting = cutting;
  }

  report(): ReconcileReport {
    const found = Object.values(this.#counts).reduce((sum, { DIFFERS, ORPHAN }) => sum + DIFFERS + ORPHAN, 0);
    return {
      tenants: this.#tenants,
      documents: this.#compared.DOCUMENT,
      facts: this.#compared.MEMORY_FACT,
      messages: this.#compared.MESSAGE,
      differences: this.#counts,
      found,
      redelivered: this.#redelivered,
      cutting: this.#cutting,
      skipped: this.#skipped,
    };
  }

  async tenant(tenantId: string): Promise<void> {
    this.#tenants++;
    for (const kind of INDEXED_KINDS) await this.#compare(tenantId, kind);
    await this.#unlessDown('OBJECT', () => this.#orphanedObjects(tenantId));
    for (const kind of INDEXED_KINDS) await this.#unlessDown('VECTOR', () => this.#orphanedVectors(tenantId, kind));
    await this.#unlessDown('GRAPH', () => this.#orphanedGraphs(tenantId));
  }

  async #compare(tenantId: string, kind: IndexedKind): Promise<void> {
    const { call, pageSize: first = INDEXING.compared } = this.#options;
    for (let after = null as string | null; ;) {
      const { referenceDocuments: page } = await call<{ referenceDocuments: Reference[] }>(
        'relational',
        REFERENCES,
        { kind, first, after },
        tenantId,
      );
      this.#compared[kind] += page.length;
      for (const store of INDEXED_STORES) {
        const delivered = page.filter((document) => document.delivered.includes(store));
        if (delivered.length === 0) continue;
        await this.#unlessDown(store, async () => {
          const ids = await DIFFERING[store](call, tenantId, delivered, kind);
          await this.#found(
            ids.map((documentId) => ({ tenantId, store, kind: 'DIFFERS', documentId, objectKey: null })),
          );
        });
      }
      if (page.length < first) return;
      after = page.at(-1)!.id;
    }
  }

  async #orphanedObjects(tenantId: string): Promise<void> {
    for (let after = null as string | null; ;) {
      const { objects } = await this.#options.call<{
        objects: { edges: { node: { key: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };
      }>('object', OBJECT_KEYS, { prefix: 'documents/', after }, tenantId);
      const keys = new Map(
        objects.edges.flatMap(({ node: { key } }) => {
          const id = DOCUMENT_KEY.exec(key)?.[1];
          return id === undefined ? [] : [[id, key] as const];
        }),
      );
      await this.#orphans(tenantId, 'OBJECT', keys);
      if (!objects.pageInfo.hasNextPage) return;
      after = objects.pageInfo.endCursor;
    }
  }

  async #orphanedVectors(tenantId: string, kind: IndexedKind): Promise<void> {
    for (let after = null as string | null; ;) {
      const { vectorDocuments } = await this.#options.call<{ vectorDocuments: { ids: string[]; next: string | null } }>(
        'vector',
        VECTOR_DOCUMENTS,
        { kind, first: INDEXING.reconcilePage, after },
        tenantId,
      );
      await this.#orphans(tenantId, 'VECTOR', new Map(vectorDocuments.ids.map((id) => [id, null])));
      if (vectorDocuments.next === null) return;
      after = vectorDocuments.next;
    }
  }

  async #orphanedGraphs(tenantId: string): Promise<void> {
    for (let after = null as string | null; ;) {
      const { graphDocuments } = await this.#options.call<{ graphDocuments: string[] }>(
        'graph',
        GRAPH_DOCUMENTS,
        { first: INDEXING.reconcilePage, after },
        tenantId,
      );
      await this.#orphans(tenantId, 'GRAPH', new Map(graphDocuments.map((id) => [id, null])));
      if (graphDocuments.length < INDEXING.reconcilePage) return;
      after = graphDocuments.at(-1)!;
    }
  }

  /**
   * @param keys where a store has something, by document or fact; only ids that are made here are the outbox's business
   */
  async #orphans(tenantId: string, store: IndexedStore, keys: ReadonlyMap<string, string | null>): Promise<void> {
    const ids = [...keys.keys()].filter(isIndexedId);
    if (ids.length === 0) return;
    const { knownDocuments } = await this.#options.call<{ knownDocuments: string[] }>(
      'relational',
      KNOWN,
      { store, ids },
      tenantId,
    );
    const known = new Set(knownDocuments);
    await this.#found(
      ids
        .filter((id) => !known.has(id))
        .map((documentId) => ({
          tenantId,
          store,
          kind: 'ORPHAN',
          documentId,
          objectKey: keys.get(documentId) ?? null,
        })),
    );
  }

  async #found(differences: readonly Difference[]): Promise<void> {
    if (differences.length === 0) return;
    for (const difference of differences) {
      this.#counts[difference.store][difference.kind]++;
      this.#options.onDifference?.(difference);
    }
    if (!this.#options.mend) return;
    const entries = differences.map(({ documentId, store, objectKey }) => ({ documentId, store, objectKey }));
    const { redeliverDocuments } = await this.#options.call<{ redeliverDocuments: { redelivered: number } }>(
      'relational',
      REDELIVER,
      { input: { entries } },
      differences[0]!.tenantId,
    );
    this.#redelivered += redeliverDocuments.redelivered;
  }

  /** A store that is off or down cannot be compared; the others can. */
  async #unlessDown(store: IndexedStore, work: () => Promise<void>): Promise<void> {
    if (this.#skipped[store] !== undefined) return;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CodedError) || error.extensions['service'] === 'relational') throw error;
      this.#skipped[store] = messageWithHint(error);
    }
  }
}
