/** What the schema's fields are resolved with. */
import type { Embedder } from '#subgraphs/shared/ports.ts';
import type { VectorDriver } from '../driver.ts';

export interface VectorSchemaDeps {
  readonly driver: VectorDriver;
  readonly embedder: Embedder;
}
