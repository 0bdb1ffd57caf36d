/**
 * Has documents cut again that were cut by an older version, or for another limit, than they would be today: batch by
 * batch, oldest cutting first. What is done is kept with each document, so a walk that was ended goes on where it was.
 */
import { parse } from 'graphql';
import { INDEXING } from '#gateway/bounds/indexing.ts';
import type { SubgraphCall } from './subgraph-call.ts';

export interface RecutOptions {
  readonly call: SubgraphCall;
  /** Only this tenant's. @default all */
  readonly tenantId?: string | undefined;
  /** Cuts them; else they are only counted. */
  readonly mend: boolean;
  /** Documents of one batch. @default 10 */
  readonly batch?: number;
  /** Called behind each batch that changed chunks: what waits for delivery can be waited for. */
  readonly delivered?: () => Promise<void>;
  /** Called with each document that is not accepted any more. */
  readonly onRefused?: (refused: { tenantId: string; id: string; reason: string }) => void;
}

export interface RecutReport {
  /** Documents that were cut otherwise. */
  readonly otherwise: number;
  /** Those of them whose chunks are others now, and will be delivered. */
  readonly recut: number;
  /** Those whose chunks stayed as they were. */
  readonly unchanged: number;
  /** Those that are not accepted any more, and stay as they are. */
  readonly refused: number;
}

const CUT_OTHERWISE = parse(/* GraphQL */ `
  query DocumentsCutOtherwise($first: Int!, $after: String, $tenantId: ID) {
    documentsCutOtherwise(first: $first, after: $after, tenantId: $tenantId) {
      documents {
        tenantId
        id
      }
      next
    }
  }
`);
const RECUT = parse(/* GraphQL */ `
  mutation RecutDocuments($input: RecutDocumentsInput!) {
    recutDocuments(input: $input) {
      recut
      unchanged
      refused {
        id
        reason
      }
    }
  }
`);

interface Page {
  documentsCutOtherwise: { documents: { tenantId: string; id: string }[]; next: string | null };
}
interface Batch {
  recutDocuments: { recut: number; unchanged: number; refused: { id: string; reason: string }[] };
}

/**
 * Walks through them once.
 * @throws CodedError when the relational store cannot be read or written; what was cut by then stays so
 */
export async function recut(options: RecutOptions): Promise<RecutReport> {
  const { call, tenantId, mend, delivered, onRefused } = options;
  const first = mend ? (options.batch ?? INDEXING.recut) : INDEXING.reconcilePage;
  const report = { otherwise: 0, recut: 0, unchanged: 0, refused: 0 };
  for (let after = null as string | null; ;) {
    const { documentsCutOtherwise: page } = await call<Page>('relational', CUT_OTHERWISE, { first, after, tenantId });
    report.otherwise += page.documents.length;
    let changed = 0;
    for (const [tenant, ids] of mend ? byTenant(page.documents) : []) {
      const { recutDocuments: done } = await call<Batch>('relational', RECUT, { input: { ids } }, tenant);
      changed += done.recut;
      report.recut += done.recut;
      report.unchanged += done.unchanged;
      report.refused += done.refused.length;
      for (const refused of done.refused) onRefused?.({ tenantId: tenant, ...refused });
    }
    if (changed > 0) await delivered?.();
    if (page.next === null) return report;
    after = page.next;
  }
}

function byTenant(documents: readonly { tenantId: string; id: string }[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { tenantId, id } of documents) groups.set(tenantId, [...(groups.get(tenantId) ?? []), id]);
  return groups;
}
