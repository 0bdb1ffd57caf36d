/** What a collection accepts: its name, and vectors of the one model that it was made with. */
import { badUserInput, conflict } from '#subgraphs/shared/errors.ts';
import { isBuiltIn } from '#subgraphs/shared/built-in-models.ts';
import type { CollectionInfo, VectorModel } from '../driver.ts';

/** Names that are safe in a path and in SQL alike. */
const COLLECTION_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** The collection when none is configured. */
export const DEFAULT_COLLECTION = 'chunks';

/** @throws CodedError `BAD_USER_INPUT` for a name that no store takes */
export function checkCollectionName(name: string): string {
  if (!COLLECTION_NAME.test(name)) {
    throw badUserInput(`${JSON.stringify(name.slice(0, 80))} cannot name a vector collection.`, {
      hint: 'Use 1 to 63 letters, digits, `_` or `-`, starting with a letter or digit.',
    });
  }
  return name;
}

/**
 * Refuses vectors that cannot be compared with those in the collection.
 * @throws CodedError `CONFLICT`
 */
export function checkModel(collection: CollectionInfo, wanted: VectorModel): void {
  if (collection.model !== wanted.model) {
    throw conflict(
      `The collection ${JSON.stringify(collection.name)} was embedded with the model ${JSON.stringify(collection.model)}, not ${JSON.stringify(wanted.model)}.`,
      {
        hint: `${isBuiltIn(collection.model) && isBuiltIn(wanted.model) ? 'PostgreSQL is embedding it again in the background: ask again in a moment, or by KEYWORD. In Qdrant it stays: s' : 'S'}et EMBEDDING_MODEL back to ${JSON.stringify(collection.model)}, or embed the documents again: into another collection (VECTOR_COLLECTION), or after removing their vectors.`,
      },
    );
  }
  if (collection.dimensions !== wanted.dimensions) {
    throw conflict(
      `The collection ${JSON.stringify(collection.name)} holds vectors of ${collection.dimensions} dimensions; got ${wanted.dimensions}.`,
      {
        hint: 'Send vectors of the model that the collection was embedded with, or embed the documents again: into another collection (VECTOR_COLLECTION), or after removing their vectors.',
      },
    );
  }
}
