/**
 * What documents say that other projects shared with the caller's. Of their entities he is told names and kinds, which are what the document says; what
 * else the owner's graph knows of them may come from other documents, and stays there. An entity of a kind and name is one thing to the caller,
 * whoever names it: where his own graph has it, it is that one, with what his own graph knows.
 */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { entityId } from '#subgraphs/shared/ids.ts';
import type { ShareLookup } from '#subgraphs/shared/ports.ts';
import { receivedBy } from '#subgraphs/shared/received-documents.ts';
import type { Entity, GraphDriver } from '../driver.ts';

/** What documents name, and how much. */
export type DocumentEntities = Pick<GraphDriver, 'documentEntities' | 'countDocumentEntities'>;

/** Behind every id of an entity; before every one is the empty text. */
const LAST = '~';

/** @param shares what tells which documents were shared; undefined where nothing can be */
export function documentEntitiesWithShared(driver: GraphDriver, shares: ShareLookup | undefined): DocumentEntities {
  if (shares === undefined) return driver;
  /** What is read of those documents that were shared, as their owners. */
  const ofShared = async <Found>(
    context: RequestContext,
    documents: readonly string[],
    read: (owner: RequestContext, asked: readonly string[]) => Promise<Map<string, Found>>,
  ): Promise<[string, Found][]> => {
    const found = await Promise.all(
      (await receivedBy(context, shares)).map(async ({ context: owner, documentIds }) => {
        const asked = documents.filter((id) => documentIds.has(id));
        return asked.length === 0 ? [] : [...(await read(owner, asked))];
      }),
    );
    return found.flat();
  };
  return {
    async documentEntities(context, documents, kinds, slice) {
      // A cursor names the entity as the caller's; places in a document are told apart by their number.
      const theirs = {
        ...slice,
        after: slice.after === null ? null : ([slice.after[0], slice.backward ? '' : LAST] as const),
      };
      const [own, found] = await Promise.all([
        driver.documentEntities(context, documents, kinds, slice),
        ofShared(context, documents, (owner, asked) => driver.documentEntities(owner, asked, kinds, theirs)),
      ]);
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
    },
    async countDocumentEntities(context, documents, kinds) {
      const [own, found] = await Promise.all([
        driver.countDocumentEntities(context, documents, kinds),
        ofShared(context, documents, (owner, asked) => driver.countDocumentEntities(owner, asked, kinds)),
      ]);
      return new Map([...own, ...found]);
    },
  };
}
