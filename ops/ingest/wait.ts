/** Waiting until what was written is in the other stores: found by words and meaning, with its bytes and its place in the graph. */
import { setTimeout as pause } from 'node:timers/promises';
import { grouped } from '#subgraphs/shared/grouped.ts';
import { INGEST } from './bounds.ts';
import type { Documents, Lagging } from './over-http.ts';

/** Documents that a store does not have yet, for one reason. */
export interface Late {
  readonly store: string;
  readonly state: Lagging['state'];
  readonly documents: number;
  /** Why one of them was not delivered. */
  readonly error: string | null;
}

export interface WaitOptions {
  /** For how long at most, in seconds; 0 only looks. */
  readonly seconds: number;
  /** Called with how many documents every store has that can have them. */
  readonly onProgress?: (done: number) => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * Waits until every store has the documents. Stores that are switched off are not waited for.
 * @param ids of the documents
 * @returns what is not there when the time is up, or of stores that are off; empty where all is everywhere
 * @throws FatalIngestError where the server is away
 */
export async function untilIndexed(
  documents: Pick<Documents, 'lagging'>,
  ids: readonly string[],
  { seconds, onProgress, signal }: WaitOptions,
): Promise<Late[]> {
  const until = performance.now() + seconds * 1_000;
  const late: Lagging[] = [];
  // Looked at in turn, a page at a time, so that what hangs hides nothing that is behind it.
  let waiting = [...ids];
  for (let isLast = seconds === 0; waiting.length > 0 && !isLast; isLast = performance.now() >= until) {
    const page = waiting.slice(0, INGEST.listed);
    const found = await documents.lagging(page);
    const open = new Set(found.flatMap(({ id, state }) => (state === 'DISABLED' ? [] : [id])));
    late.push(...found.filter(({ id }) => !open.has(id)));
    waiting = [...waiting.slice(page.length), ...page.filter((id) => open.has(id))];
    onProgress?.(ids.length - waiting.length);
    if (open.size === page.length) await pause(INGEST.indexedMs, undefined, { signal });
  }
  for (let at = 0; at < waiting.length; at += INGEST.listed)
    late.push(...(await documents.lagging(waiting.slice(at, at + INGEST.listed))));
  const groups = grouped(late, ({ store, state }) => `${store} ${state}`);
  return [...groups.values()].map((of) => ({ ...reasonOf(of[0]!), documents: of.length }));
}

const reasonOf = ({ store, state, error }: Lagging): Omit<Late, 'documents'> => ({ store, state, error });

/** What is told of it, a line each. */
export const toldLate = (late: readonly Late[]): string[] =>
  late.map(({ store, state, documents, error }) => {
    const of = `${documents} ${documents === 1 ? 'document' : 'documents'}`;
    const where = STORES[store] ?? `the store ${store}`;
    if (state === 'DISABLED') return `${of}: not in ${where}, which is switched off.`;
    const why = error === null ? '' : ` The last attempt failed: ${error}`;
    return `${of}: not in ${where} yet, and will follow by themselves (--wait <seconds> waits longer).${why}`;
  });

const STORES: Readonly<Record<string, string>> = {
  OBJECT: 'the object store',
  VECTOR: 'the vector store',
  GRAPH: 'the graph',
};
