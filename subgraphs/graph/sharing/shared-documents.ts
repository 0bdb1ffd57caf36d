/**
 * What documents say that other projects shared with the caller's. Of their entities he is told names and kinds, which are what the document says; what
 * else the owner's graph knows of them may come from other documents, and stays there. An entity of a kind and name is one thing to the caller,
 * whoever names it: where his own graph has it, it is that one, with what his own graph knows.
 */
import { entityId } from '#subgraphs/shared/ids.ts';
import type { ShareLookup } from '#subgraphs/shared/ports.ts';
import { receivedBy } from '#subgraphs/shared/received-documents.ts';
import type { Entity, GraphDriver } from '../driver.ts';

export type DocumentEntities = GraphDriver['documentEntities'];

/** Behind every id of an entity; before every one is the empty text. */
const LAST = '~';

/** @param shares what tells which documents were shared; undefined where nothing can be */
export function documentEntitiesWithShared(driver: GraphDriver, shares: ShareLookup | undefined): DocumentEntities {
  if (shares === undefined) return (...given) => driver.documentEntities(...given);
  return async (context, documents, kinds, slice) => {
    const [own, received] = await Promise.all([
      driver.documentEntities(context, documents, kinds, slice),
      receivedBy(context, shares),
    ]);
    // A cursor names the entity as the caller's; places in a document are told apart by their number.
    const theirs = {
      ...slice,
      after: slice.after === null ? null : ([slice.after[0], slice.backward ? '' : LAST] as const),
    };
    const named = await Promise.all(
      received.map(async ({ context: owner, documentIds }) => {
        const asked = documents.filter((id) => documentIds.has(id));
        return asked.length === 0 ? [] : [...(await driver.documentEntities(owner, asked, kinds, theirs))];
      }),
    );
    const found = named.flat();
    if (found.length === 0) return own;
    const idOf = ({ kind, name }: Entity): string => entityId(context.principal.tenantId, kind, name);
    const ids = [...new Set(found.flatMap(([, rows]) => rows.map(({ entity }) => idOf(entity))))];
    const known = await driver.entitiesByIds(context, ids);
    return new Map([
      ...own,
      ...found.map(([document, rows]) => {
        const told = rows.map(({ position, entity: { name, kind, ...rest } }) => {
          const id = idOf({ name, kind, ...rest });
          return { position, entity: known.get(id) ?? { id, name, kind, properties: {} } };
        });
        return [document, told] as const;
      }),
    ]);
  };
}
