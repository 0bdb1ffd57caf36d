import type { CatalogTable, Relation } from '../driver.ts';
import type { TypeSettings } from './format.ts';
import type {
  ModelChanges,
  ModelColumn,
  ModelEnum,
  ModelMutations,
  ModelReference,
  ModelStubLink,
  ModelType,
} from './model.ts';

/** A type while links are still to be added. */
export interface Draft {
  readonly table: CatalogTable;
  readonly settings: TypeSettings;
  readonly type: Omit<ModelType, 'links' | 'references' | 'relation' | 'mutations' | 'changes' | 'linkedAcross'> & {
    linkedAcross: boolean;
    links: ModelType['links'][number][];
    references: ModelReference[];
  };
  readonly relation: Relation & { links: Record<string, Relation['links'][string]> };
  /**
   * The column that is the caller's tenant in every row that is read: it need not be shown, and keys and links do without.
   */
  readonly tenant: string | undefined;
  mutations?: ModelMutations | undefined;
  changes?: ModelChanges | undefined;
  /** Fields by column. */
  readonly fieldOf: ReadonlyMap<string, string>;
}

/** A stub while links are still to be added. */
export interface StubDraft {
  readonly key: readonly ModelColumn[];
  readonly compared: Map<string, ModelColumn>;
  readonly links: ModelStubLink[];
}

/** A source while links to other stores are still to be added. */
export interface DraftSource {
  readonly name: string;
  /** By the table's id. */
  readonly drafts: ReadonlyMap<string, Draft>;
  /** Tables of which it is told already what is wrong, by name and by id. */
  readonly refused: ReadonlySet<string>;
  readonly enums: ReadonlyMap<string, ModelEnum>;
  /** All names of types that it has, and what is made of them. */
  readonly names: ReadonlyMap<string, string>;
  readonly stubs: Map<string, StubDraft>;
}
