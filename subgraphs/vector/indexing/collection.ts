/** What a collection accepts: its name, and vectors of the one model that it was made with. */
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import type { CollectionInfo, VectorModel } from '../driver.ts';

/** Names that are safe in a path and in SQL alike. */
const COLLECTION_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** The collection when none is configured. */
export const DEFAULT_COLLECTION = 'chunks';

/** The collection beside that of a name in which remembered facts are: nothing that searches documents finds them. */
export const factsCollection = (name: string): string => `${name}_facts`;

/** The same of messages of sessions. */
export const messagesCollection = (name: string): string => `${name}_messages`;

/** @throws CodedError `BAD_USER_INPUT` for a name that no store takes */
export function checkCollectionName(name: string): string {
  if (!COLLECTION_NAME.test(name)) {
    throw badUserInput(`${JSON.stringify(name.slice(0, 80))} cannot name a vector collection.`, {
      hint: 'Use 1 to 63 letters, digits, `_` or `-`, starting with a letter or digit.',
    });
  }
  return name;
}

export const isSameModel = (a: VectorModel, b: VectorModel): boolean =>
  a.model === b.model && a.dimensions === b.dimensions;

/** `CONFLICT`: vectors of one model, and a collection of another. */
export class OtherModelError extends CodedError {
  readonly wanted: VectorModel;

  constructor({ name, model, dimensions }: CollectionInfo, wanted: VectorModel) {
    const otherwise = `set EMBEDDING_MODEL (and EMBEDDING_PASSAGE_PREFIX, EMBEDDING_DIMENSIONS) back to what made ${JSON.stringify(model)} with ${dimensions} dimensions`;
    super(
      'CONFLICT',
      model === wanted.model
        ? `The collection ${JSON.stringify(name)} holds vectors of ${dimensions} dimensions; got ${wanted.dimensions}.`
        : `The collection ${JSON.stringify(name)} was embedded with the model ${JSON.stringify(model)}, not ${JSON.stringify(wanted.model)}.`,
      {
        hint: `A start of the server, or \`npm run reindex\`, embeds it again: ask again once that is done, or by KEYWORD until then. Or ${otherwise}.`,
      },
    );
    this.wanted = wanted;
  }
}

/**
 * Refuses vectors that cannot be compared with those in the collection.
 * @throws OtherModelError
 */
export function checkModel(collection: CollectionInfo, wanted: VectorModel): void {
  if (!isSameModel(collection, wanted)) throw new OtherModelError(collection, wanted);
}
