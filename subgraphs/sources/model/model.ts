/** One source as the API has it: types, their columns and links, and what enums are called. */
import type { LeadsArguments } from '#subgraphs/shared/conditions.ts';
import type { CatalogVector, OrderLevel, Relation, ValueKind } from '../driver.ts';

export interface ModelEnum {
  readonly name: string;
  readonly description: string;
  /** Names in the API, and the values in the store. */
  readonly values: readonly { readonly name: string; readonly value: string }[];
}

export interface ModelColumn {
  readonly field: string;
  readonly kind: ValueKind;
  readonly list: boolean;
  readonly nullable: boolean;
  /** Whether filters do not know it. */
  readonly unfiltered?: boolean;
  /** Whether rows are not grouped by it. */
  readonly ungrouped?: boolean;
  readonly enum: ModelEnum | undefined;
  readonly description: string;
}

/** From a row to others. */
export interface ModelLink {
  readonly field: string;
  readonly to: string;
  /** Whether it leads to any number of rows, or to one at the most. */
  readonly many: boolean;
  /** The fields that are equal at its ends. */
  readonly pairs: readonly (readonly [own: string, other: string])[];
  readonly description: string;
  /** The field that counts and measures the many by group; undefined where there is none. */
  readonly aggregate: string | undefined;
}

/** From a row to one of a type of the project's own, which its subgraph finds. */
export interface ModelReference {
  readonly field: string;
  /** One of {@link SourceModel.stubs}. */
  readonly to: string;
  readonly pairs: readonly (readonly [own: string, key: string])[];
  readonly description: string;
  /** How filters of the rows ask for what is there; undefined where they cannot. */
  readonly leads: LeadsArguments | undefined;
}

/** From what another subgraph has to rows of this one. */
export interface ModelStubLink extends ModelLink {
  /** Where in a JSON field the value is; by own field. */
  readonly paths: Readonly<Record<string, readonly string[]>>;
  /** How filters of the other's type ask for rows of this one; undefined where they cannot. */
  readonly leads: LeadsArguments | undefined;
}

/** A type of another subgraph that fields of this one lead to, or that gets fields by it. */
export interface ModelStub {
  readonly name: string;
  /** The fields that name one. */
  readonly key: readonly ModelColumn[];
  /** What else links compare: its subgraph is asked for it before. */
  readonly compared: readonly ModelColumn[];
  readonly links: readonly ModelStubLink[];
}

/** How rows of a type are changed. */
export interface ModelMutations {
  /** What each takes; what is absent is none. */
  readonly scopes: Readonly<Partial<Record<'insert' | 'update' | 'upsert' | 'delete', string>>>;
  /** What may be said of a row, and whether a new one must have it. */
  readonly fields: readonly { readonly field: string; readonly required: boolean }[];
  /** Fields of which no two rows have the same, the key first. */
  readonly uniques: readonly (readonly string[])[];
  /** Links that stand on foreign keys. */
  readonly held: readonly string[];
}

/** How changes of rows are followed: by the store's own record of them, or by a field that grows with each. */
export type ModelChanges = { readonly kind: 'log' } | { readonly kind: 'column'; readonly field: string };

/** What rows of a type are found near to something by. */
export interface ModelVector extends CatalogVector {
  /** The model that made the vectors, where the file says it: what makes one of a text must be the same. */
  readonly model: string | undefined;
}

export interface ModelType {
  readonly name: string;
  /** The root field of one row; undefined without a key. */
  readonly item: string | undefined;
  readonly list: string;
  /** The root field that counts and measures rows by group; undefined where there is none. */
  readonly aggregate: string | undefined;
  /** What rows are, in the plural, for descriptions. */
  readonly items: string;
  readonly description: string;
  readonly columns: readonly ModelColumn[];
  /** Fields of which no two rows have the same; empty where there are none. */
  readonly key: readonly string[];
  readonly links: readonly ModelLink[];
  readonly references: readonly ModelReference[];
  readonly vectors: readonly ModelVector[];
  readonly order: readonly OrderLevel[];
  readonly limits: { readonly default: number; readonly max: number };
  /** Whether filters lead from its rows to another store's, or from those to it. */
  readonly linkedAcross: boolean;
  readonly relation: Relation;
  /** Undefined where rows are only read. */
  readonly mutations: ModelMutations | undefined;
  /** Undefined where changes are not followed. */
  readonly changes: ModelChanges | undefined;
}

export interface SourceModel {
  readonly source: string;
  readonly types: readonly ModelType[];
  readonly enums: readonly ModelEnum[];
  /** Of other subgraphs. */
  readonly stubs: readonly ModelStub[];
}

/** Kinds of which a value is written in one way only. */
const KEYS: ReadonlySet<ValueKind> = new Set(['int', 'bigint', 'text', 'id']);
/** Kinds of which the store's own text finds the very value again. */
const PARTS: ReadonlySet<ValueKind> = new Set([...KEYS, 'enum', 'decimal', 'date', 'moment', 'localMoment']);

type Keyed = Pick<ModelType, 'key' | 'columns'>;

const keyColumns = ({ key, columns }: Keyed): ModelColumn[] =>
  columns.filter((column) => key.includes(column.field) && isFilterable(column));

/** The column that is the key, where it is one alone, of which clients write a value in one way only. */
export function singleKey(type: Keyed): string | undefined {
  const [column] = keyColumns(type);
  return type.key.length === 1 && column !== undefined && KEYS.has(column.kind) ? column.field : undefined;
}

/** The field that has the whole key as one text, of rows that are looked up by it. */
export const ROW_KEY = 'rowKey';

/** The field by which rows are looked up for filters of other stores; undefined where they cannot be. */
export function lookupKey(type: Keyed & { readonly links: readonly { readonly field: string }[] }): string | undefined {
  const single = singleKey(type);
  if (single !== undefined) return single;
  const parts = keyColumns(type).filter(({ kind }) => PARTS.has(kind));
  if (parts.length === 0 || parts.length < type.key.length) return undefined;
  return [...type.columns, ...type.links].some(({ field }) => field === ROW_KEY) ? undefined : ROW_KEY;
}

/** Whether its rows have a field of their whole key. */
export const hasRowKey = (type: ModelType): boolean => type.linkedAcross && lookupKey(type) === ROW_KEY;

/** Whether rows are grouped and measured by it. */
export const isGrouped = (column: ModelColumn): boolean => isFilterable(column) && column.ungrouped !== true;

/** Whether filters know it. */
export const isFilterable = ({ kind, list, unfiltered }: ModelColumn): boolean =>
  !list && kind !== 'bytes' && unfiltered !== true;

/** Whether filters know it by its items. */
export const isFilteredList = ({ kind, list, unfiltered }: ModelColumn): boolean =>
  list && kind !== 'bytes' && kind !== 'json' && kind !== 'other' && unfiltered !== true;

/** Kinds that have an order. */
export const isSortable = ({ kind, list }: ModelColumn): boolean =>
  !list && kind !== 'json' && kind !== 'bytes' && kind !== 'other';
