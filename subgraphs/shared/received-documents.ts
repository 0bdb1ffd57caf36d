/** Documents that other projects shared with the caller's, for stores that follow documents: each store reads them as their owner's. */
import { SHARED } from './bounds.ts';
import type { RequestContext } from './context.ts';
import type { ShareLookup } from './ports.ts';

/** The documents of one owner that were shared. */
export interface Received {
  /** The request as its owner's: only for reading these documents. */
  readonly context: RequestContext;
  readonly documentIds: ReadonlySet<string>;
}

/**
 * What was shared with the caller by now, by owner: of `SHARED.sharingProjects` at the most, those that shared last. Nothing is asked for callers
 * who are of no project.
 * @throws CodedError as {@link ShareLookup.documents}
 */
export async function receivedBy(context: RequestContext, shares: ShareLookup): Promise<Received[]> {
  const owners = new Map<string, Set<string>>();
  for (const { tenantId, documentId } of await shares.documents(context)) {
    const ids = owners.get(tenantId);
    if (ids !== undefined) ids.add(documentId);
    else if (owners.size < SHARED.sharingProjects) owners.set(tenantId, new Set([documentId]));
  }
  return [...owners].map(([tenantId, documentIds]) => ({
    context: { ...context, principal: { ...context.principal, tenantId } },
    documentIds,
  }));
}
