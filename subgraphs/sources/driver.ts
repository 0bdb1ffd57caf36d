/**
 * Where rows of a source are. What is above drivers names columns by the API's fields; a driver knows what they are called in
 * its store by the {@link Relation} that each request carries.
 */
import type { Aggregated, AggregatedKind, AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import { aggregatedOfNone } from '#subgraphs/shared/aggregates/in-memory.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';
import type { SOURCES } from './bounds.ts';

/** What a value is: what lists can be grouped by, and `bytes`, whose values are base64. */
export type ValueKind = AggregatedKind | 'bytes';

/** What a column holds. */
export interface ValueType {
  readonly kind: ValueKind;
  /** The store's name of the type, fit to stand in its language. */
  readonly native: string;
  /** Whether values are lists of these. */
  readonly list: boolean;
  /** Of an enum: which of {@link Catalog.enums}. */
  readonly enum?: string;
  /** Of an enum that the file says, all values in their order. */
  readonly values?: readonly string[];
  /** Of stores that do not tell what they have made: how they make a value where a new row says none. */
  readonly made?: 'counted' | { readonly as: string };
}

export interface CatalogColumn extends ValueType {
  readonly name: string;
  readonly nullable: boolean;
  /** Whether it may hold what is no value of its type: the field of such a row is null, with an error. */
  readonly loose?: boolean;
  /** Whether filters do not know it, although they know its kind. */
  readonly unfiltered?: boolean;
  /** Whether rows are not grouped by it, although filters know it. */
  readonly ungrouped?: boolean;
  /** Whether the store has a value where a new row says none. */
  readonly default?: boolean;
  /** Whether only the store says its values. */
  readonly generated?: boolean;
  readonly comment?: string;
}

/** How near two vectors are: by `cosine` and `dot` larger scores are nearer, by `euclid` and `manhattan`, distances, smaller ones. */
export type VectorMeasure = 'cosine' | 'dot' | 'euclid' | 'manhattan';

/** Vectors that a table keeps of its rows. */
export interface CatalogVector {
  /** Of the column, or of the vector; `default` for one without a name. */
  readonly name: string;
  /** The store's name of the type, where it has types. */
  readonly native: string;
  readonly dimensions: number;
  readonly measure: VectorMeasure;
}

export interface CatalogForeignKey {
  readonly columns: readonly string[];
  /** The {@link CatalogTable.id} of the other table. */
  readonly to: string;
  readonly toColumns: readonly string[];
}

/** What the store has and the API cannot read. */
export interface Unread {
  readonly name: string;
  /** Such as `it holds states of an aggregate`. */
  readonly why: string;
}

/** A table, or what is read as one. */
export interface CatalogTable {
  /** `<schema>.<name>`. */
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'view' | 'materialized view' | 'partitioned table' | 'foreign table' | 'collection';
  readonly comment?: string;
  readonly columns: readonly CatalogColumn[];
  /** The columns of its primary key, or else of a unique index without nulls; undefined where there is neither. */
  readonly key?: readonly string[];
  /** All sets of columns of which no two rows have the same. */
  readonly uniques: readonly (readonly string[])[];
  readonly foreignKeys: readonly CatalogForeignKey[];
  /** Columns that are left out. @default none */
  readonly unread?: readonly Unread[];
  /** About how many rows there are, by the store's own statistics; undefined where it has none. */
  readonly rows?: number;
  /** What rows can be found near to something by. */
  readonly vectors?: readonly CatalogVector[];
  /** The columns of which the store's own record of changes tells; undefined where changes of this table are not recorded. */
  readonly logged?: readonly string[];
  /** Whether policies of the store say row by row who may read. */
  readonly policies?: boolean;
}

export interface CatalogEnum {
  readonly id: string;
  readonly name: string;
  readonly values: readonly string[];
  readonly comment?: string;
}

/** What a store says of itself. */
export interface Catalog {
  readonly tables: readonly CatalogTable[];
  readonly enums: readonly CatalogEnum[];
  /** Tables that are left out; those that the user may not read are not known. @default none */
  readonly unread?: readonly Unread[];
  /** Whether the store has no types of its own: what columns hold was seen in some rows, and the file may say otherwise. */
  readonly typeless?: boolean;
}

/** One field of a type that is a column of its table. */
export interface RelationColumn extends ValueType {
  /** In the store. */
  readonly name: string;
  readonly nullable: boolean;
}

/** Where a link leads, and which fields are equal at its ends. */
export interface RelationLink {
  readonly to: Relation;
  readonly pairs: readonly (readonly [own: string, other: string])[];
}

/** A table as the API sees it: its columns and links by field. */
export interface Relation {
  readonly schema: string;
  readonly table: string;
  readonly columns: Readonly<Record<string, RelationColumn>>;
  readonly links: Readonly<Record<string, RelationLink>>;
  /** The column that holds the tenant of each row. */
  readonly tenant: RelationColumn | undefined;
  /** The one tenant whose rows these are. Where neither is said, all that may ask see all rows. */
  readonly onlyTenant: string | undefined;
}

/** Its {@link CatalogTable.id}. */
export const tableIdOf = ({ schema, table }: Pick<Relation, 'schema' | 'table'>): string => `${schema}.${table}`;

export interface OrderLevel {
  readonly field: string;
  readonly direction: 'ASC' | 'DESC';
}

/** Rows of parents: of each, those whose `fields` are its key. */
export interface Parents {
  readonly fields: readonly string[];
  /** Texts of the store, in the order of `fields`; see {@link SourceRow.texts}. */
  readonly keys: readonly (readonly string[])[];
}

export interface CountRequest {
  readonly relation: Relation;
  readonly where?: Condition | undefined;
  readonly parents?: Parents | undefined;
}

export interface ListRequest extends CountRequest {
  /** Whose values are wanted. */
  readonly fields: readonly string[];
  /** Whose texts are wanted, for keys and cursors. */
  readonly texts: readonly string[];
  /** Ends in what is unique, but where rows are found by `offset`. */
  readonly order: readonly OrderLevel[];
  /** Texts of the row behind which to begin, one for each level of the order. Of each parent. */
  readonly after?: readonly (string | null)[] | undefined;
  /** How many rows to pass over, where there is no key to begin behind. */
  readonly offset?: number | undefined;
  /** The most rows, of each parent. */
  readonly limit: number;
}

/** The groups of rows, of each parent; so is `limit`. */
export interface GroupsRequest extends AggregateRequest, Pick<CountRequest, 'relation' | 'parents'> {}

/** What is answered of a parent without rows. */
export const noneOf = (request: GroupsRequest): Aggregated =>
  aggregatedOfNone(request, (field) => request.relation.columns[field]!.kind as AggregatedKind);

export interface SourceRow {
  /** By field; see {@link ValueKind} for their forms. Null where there is no value. */
  readonly values: Readonly<Record<string, unknown>>;
  /** By field, what the store takes for the same value again. */
  readonly texts: Readonly<Record<string, string | null>>;
}

export interface NearestRequest extends Pick<ListRequest, 'relation' | 'fields' | 'texts' | 'where' | 'limit'> {
  readonly vector: CatalogVector;
  /** What rows are to be near to: as many numbers as the vector has dimensions. */
  readonly to: readonly number[];
}

export interface NearRow {
  readonly row: SourceRow;
  /** As the store measures it; see {@link VectorMeasure}. */
  readonly score: number;
}

/** Values of a row by field, as the API's scalars have them; undefined where nothing is said. */
export type Values = Readonly<Record<string, unknown>>;

export type Write =
  /** What is not said is as the store has it for new rows. */
  | { readonly kind: 'insert'; readonly rows: readonly Values[] }
  /** Rows have their keys, and what is to be otherwise. */
  | { readonly kind: 'update'; readonly rows: readonly Values[] }
  /** Inserts those of which there is none with equal `on`, and changes the others. */
  | { readonly kind: 'upsert'; readonly on: readonly string[]; readonly rows: readonly Values[] }
  | { readonly kind: 'delete'; readonly keys: readonly Values[] };

export interface WriteRequest extends Pick<ListRequest, 'relation' | 'fields' | 'texts'> {
  readonly key: readonly string[];
  readonly write: Write;
  /** Links that stand on foreign keys: what they lead to must be the caller's too. */
  readonly held: readonly string[];
  /** Called before all of it counts; what it rejects with undoes it. @param rows as they are returned */
  readonly confirm: (rows: readonly SourceRow[]) => Promise<void>;
}

/** Which changes of a table are wanted, and what of their rows. */
export interface ChangesRequest extends Pick<ListRequest, 'relation' | 'fields' | 'texts' | 'where'> {
  /** The fields of a row's key: one that changes it is another row from then on. Empty where there is none. */
  readonly key: readonly string[];
  /** The place behind which to begin, as {@link SourceChanges.head} or an earlier batch has it. */
  readonly after: ChangePlace;
}

/** A place in the changes of a table: texts and numbers that a cursor can carry. */
export type ChangePlace = readonly (string | null)[];

export type ChangeKind = 'ADDED' | 'CHANGED' | 'REMOVED' | 'EMPTIED';

export interface Change {
  readonly kind: ChangeKind;
  /** As the change left it, or as it was where it is no more; undefined where no single row is meant. */
  readonly row: SourceRow | undefined;
  /** The place of the change. */
  readonly place: ChangePlace;
}

export interface ChangeBatch {
  readonly changes: readonly Change[];
  /** The place up to which it reaches. */
  readonly upTo: ChangePlace;
  /** Whether there is more behind it already. */
  readonly more: boolean;
  /** Whether something waits for transactions that run still, of which nobody tells when they end. */
  readonly pending: boolean;
}

/** How changes of rows are followed. */
export interface SourceChanges {
  /**
   * Where changes are now: what comes is behind it, and perhaps what came a moment ago.
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`
   */
  head(context: RequestContext, relation: Relation): Promise<ChangePlace>;
  /**
   * The next changes, in order; of rows that match a condition, from before or after the change.
   * @throws CodedError likewise; `CURSOR_EXPIRED` where some behind the place are no longer kept, `BAD_USER_INPUT` for a place
   *   that is none of these
   */
  read(context: RequestContext, request: ChangesRequest): Promise<ChangeBatch>;
  /** Whether a cursor's values can be a place of this table. */
  isPlace(place: readonly unknown[]): place is ChangePlace;
  /**
   * Hears of changes as they come, until the handle is closed. Where it is absent, changes are looked for every while.
   * @param onChange told the table (`<schema>.<name>`), or undefined where any may have changed unheard
   * @param log told where it cannot hear
   */
  listen?(
    onChange: (table: string | undefined) => void,
    log: (message: string, error?: unknown) => void,
  ): { ready(): Promise<void>; close(): Promise<void> };
}

/** What a driver is opened with. */
export interface SourceOptions extends BoundValues<typeof SOURCES> {
  /** The source's name, for messages. */
  readonly name: string;
  /** The variable that holds the URL, for messages. */
  readonly variable: string;
  readonly url: () => string;
  readonly preparedStatements: boolean;
  readonly onIdleError: (error: Error) => void;
}

export interface SourceDriver {
  /**
   * Reads what is kept there.
   * @param schemas those that are looked at; where there are none, the one that the URL names
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`
   */
  introspect(schemas: readonly string[]): Promise<Catalog>;
  /**
   * Reads rows in one statement, whatever the number of parents.
   * @returns the rows of each parent in the order of `parents.keys`; of a request without parents, one list
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`, `BAD_USER_INPUT` (a value that the store cannot hold)
   */
  list(context: RequestContext, request: ListRequest): Promise<SourceRow[][]>;
  /** Counts rows in one statement, likewise. */
  count(context: RequestContext, request: CountRequest): Promise<number[]>;
  /**
   * Groups rows and measures them, in one statement, whatever the number of parents. Where it is absent, the API has no
   * aggregates of this store.
   * @returns the groups of each parent in the order of `parents.keys`; of a request without parents, those of all rows
   * @throws CodedError likewise
   */
  aggregate?(context: RequestContext, request: GroupsRequest): Promise<Aggregated[]>;
  /**
   * The rows nearest to a vector of those that match, the nearest first; as many as asked for where so many match. Where it is
   * absent, nothing is found by vectors.
   * @throws CodedError likewise
   */
  nearest?(context: RequestContext, request: NearestRequest): Promise<NearRow[]>;
  /**
   * The vector of a row of the caller's tenant; undefined where there is no such row, or it has none.
   * @param key texts, by field @throws CodedError likewise
   */
  vectorOf?(
    context: RequestContext,
    relation: Relation,
    vector: CatalogVector,
    key: Readonly<Record<string, string>>,
  ): Promise<readonly number[] | undefined>;
  /**
   * Writes rows of the caller's tenant in one transaction. Where it is absent, the API cannot change this store.
   * @returns the rows with the texts of their keys, in the order of the request: as they have become; of deleted ones that
   *   were there, as they were
   * @throws CodedError likewise, `CONFLICT` (another row has a value that must be unique, or leads to a row that was to be
   *   deleted), `BAD_USER_INPUT` (no such row, a value is missing or against a rule of the store), `FORBIDDEN`
   */
  write?(context: RequestContext, request: WriteRequest): Promise<SourceRow[]>;
  /** The store's own record of changes, where it can keep one. */
  readonly changes?: SourceChanges;
  health(): Promise<StoreHealth>;
  /** Ends its connections once their statements have. Idempotent. */
  close(): Promise<void>;
}
