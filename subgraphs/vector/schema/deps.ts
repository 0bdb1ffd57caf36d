/** What the schema's fields are resolved with. */
import type { Embedder, Reranker } from '#subgraphs/shared/ports.ts';
import type { ModelRenewer, VectorDriver } from '../driver.ts';
import type { Searchable } from '../search/shared-documents.ts';

export interface VectorSchemaDeps {
  readonly driver: VectorDriver;
  /** The same store, of what agents remember: each fact is a document of one chunk, in a collection that no other search reads. */
  readonly facts: VectorDriver;
  /** The same of messages of sessions. */
  readonly messages: VectorDriver;
  /** Whether messages come here, so that they are found. */
  readonly messagesIndexed: boolean;
  readonly embedder: Embedder;
  /** Absent where nothing reranks. */
  readonly reranker: Reranker | undefined;
  /** The driver's, with what was shared with the caller's project. */
  readonly searching: Searchable;
  /** What embeds again what another model embedded; absent where there is no store. */
  readonly renewer?: ModelRenewer | undefined;
}
