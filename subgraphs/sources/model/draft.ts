import type { CatalogTable, Relation } from '../driver.ts';
import type { TypeSettings } from './format.ts';
import type { ModelType } from './model.ts';

/** A type while links are still to be added. */
export interface Draft {
  readonly table: CatalogTable;
  readonly settings: TypeSettings;
  readonly type: Omit<ModelType, 'links' | 'relation'> & { links: ModelType['links'][number][] };
  readonly relation: Relation & { links: Record<string, Relation['links'][string]> };
  /**
   * The column that is the caller's tenant in every row that is read: it need not be shown, and keys and links do without.
   */
  readonly tenant: string | undefined;
  /** Fields by column. */
  readonly fieldOf: ReadonlyMap<string, string>;
}
