/**
 * What a graph store must be able to do. Every method takes many ids at once, so that the number of statements of a
 * query does not depend on how much it finds; answers are matched by id. Everything is within the context's tenant: an
 * id of another tenant is an id that does not exist.
 *
 * Filters are conditions on an entity's `id`, `name` and `kind` (`entityCondition` in input.ts), but for those of aggregates
 * of relations (`relationCondition` there).
 *
 * Names sort by Unicode code point. All drivers do all of this; there are no optional powers.
 */
import type { Aggregated, AggregatedKind, AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { StoreErasure } from '#subgraphs/shared/erasure.ts';
import type { Examination } from '#subgraphs/shared/examination.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';

export type Properties = { [key: string]: JsonValue };

export interface Entity {
  /** Derived from (tenant, kind, name), so a name and a kind never change. */
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly properties: Properties;
}

/** There is at most one relation of a type from one entity to another. */
export interface Relation {
  /** Derived from (tenant, from, type, to). */
  readonly id: string;
  /** Matches {@link RELATION_TYPE}. */
  readonly type: string;
  /** Entity ids. */
  readonly from: string;
  readonly to: string;
  readonly properties: Properties;
}

/** Which relations of an entity count: those that start at it, those that end at it, or both. */
export type Direction = 'OUT' | 'IN' | 'BOTH';

/** A strict pattern, because Cypher cannot take relation types as parameters. */
export const RELATION_TYPE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** One relation as seen from the entity that was asked about. A self loop is seen once, as `OUT`. */
export interface RelationOfEntity {
  readonly relation: Relation;
  readonly direction: 'OUT' | 'IN';
  /** The entity at the other end. */
  readonly node: Entity;
}

/** The sort key of {@link GraphDriver.relationsOf}: unique among the relations of one entity. */
export type RelationKey = readonly [type: string, otherName: string, otherId: string, direction: 'OUT' | 'IN'];

/** The key by which {@link GraphDriver.relationsOf} sorts. */
export const relationKey = ({ relation, direction, node }: RelationOfEntity): RelationKey => [
  relation.type,
  node.name,
  node.id,
  direction,
];

/** Which relations to follow. */
export interface RelationSelection {
  readonly direction: Direction;
  /** Only these types; null means every type, an empty list none. Already checked against {@link RELATION_TYPE}. */
  readonly types: readonly string[] | null;
}

/** `limit` rows that follow `after` in the direction of reading. */
export interface Slice<Key> {
  readonly limit: number;
  readonly after: Key | null;
  /** Whether the list is read from its end towards its start, and answered in that order. @default false */
  readonly backward?: boolean;
}

/** What entities are filtered, grouped and measured by. */
export const ENTITY_KINDS = { id: 'id', name: 'text', kind: 'text' } as const satisfies AggregatedKinds;

/** What relations are, likewise: their own, and what their ends have. */
export const RELATION_KINDS = {
  id: 'id',
  type: 'text',
  fromId: 'id',
  fromName: 'text',
  fromKind: 'text',
  toId: 'id',
  toName: 'text',
  toKind: 'text',
} as const satisfies AggregatedKinds;

type AggregatedKinds = Readonly<Record<string, AggregatedKind>>;

/** What is counted and measured by group. */
export type AggregatedItems = 'entities' | 'relations';

/** What has names of its own: kinds of entities, types of relations. */
export type NameKind = 'kinds' | 'types';

/** A name, and how many things have it. */
export interface Facet {
  readonly name: string;
  readonly count: number;
}

/** One step along a relation, from an expanded node to the entity at the other end. Self loops are left out. */
export interface Step {
  readonly node: string;
  readonly other: string;
  readonly otherName: string;
  readonly relation: string;
}

export interface Expansion {
  /** Ordered by the place of `node` in the request, then type, name and id of the other end. */
  readonly steps: readonly Step[];
  /**
   * True where the row cap cut the steps: those of the last step's node, and of the nodes behind it, may be missing.
   */
  readonly cut: boolean;
}

/** What a document says: the entities it names, in its order, and the relations it asserts. */
export interface DocumentGraph {
  readonly documentId: string;
  readonly entities: readonly EntityWrite[];
  readonly relations: readonly RelationWrite[];
}

/** What a store has of an entity or a relation, whichever wrote it. */
export interface StoredItem {
  readonly properties: Properties;
  readonly byHand: boolean;
}

/** Top-level properties merge into those that are there; one given as null is removed. */
export interface EntityWrite {
  readonly name: string;
  readonly kind: string;
  readonly properties: Properties;
}

/** An end given by name and kind is created where it is missing. */
export type EntityReference = { readonly id: string } | { readonly name: string; readonly kind: string };

/** Properties merge as those of entities do. */
export interface RelationWrite {
  readonly from: EntityReference;
  readonly to: EntityReference;
  readonly type: string;
  readonly properties: Properties;
}

export interface GraphDriver {
  /** Entities by id; unknown ids are absent. */
  entitiesByIds(context: RequestContext, ids: readonly string[]): Promise<Map<string, Entity>>;

  /** Entities that match `where`, ordered by name and id; all where it is undefined, as everywhere here. */
  findEntities(
    context: RequestContext,
    where: Condition | undefined,
    slice: Slice<readonly [name: string, id: string]>,
  ): Promise<Entity[]>;

  /** How many entities match `where`. */
  countEntities(context: RequestContext, where: Condition | undefined): Promise<number>;

  /** Groups entities by {@link ENTITY_KINDS}, or relations by {@link RELATION_KINDS}, and measures them, in one statement. */
  aggregate(context: RequestContext, what: AggregatedItems, request: AggregateRequest): Promise<Aggregated>;

  /** Those of `entities` that match `where`. */
  matching(context: RequestContext, entities: readonly string[], where: Condition): Promise<Set<string>>;

  /** The kinds of entities, or types of relations, that there are: at most `limit`, in no order. */
  names(context: RequestContext, what: NameKind, limit: number): Promise<string[]>;

  /** The same with how many there are of each, the commonest first, then by name. */
  facets(context: RequestContext, what: NameKind, limit: number): Promise<Facet[]>;

  /**
   * The relations of each entity, ordered by {@link RelationKey}; the slice applies to each entity by itself.
   * @param where which entities may be at the other end
   */
  relationsOf(
    context: RequestContext,
    entities: readonly string[],
    selection: RelationSelection,
    slice: Slice<RelationKey>,
    where?: Condition,
  ): Promise<Map<string, RelationOfEntity[]>>;

  /** How many relations each entity has; those that have none are absent. */
  countRelationsOf(
    context: RequestContext,
    entities: readonly string[],
    selection: RelationSelection,
    where?: Condition,
  ): Promise<Map<string, number>>;

  /** Relations by id; unknown ids are absent. */
  relationsByIds(context: RequestContext, ids: readonly string[]): Promise<Map<string, Relation>>;

  /**
   * One level of a traversal: the steps from every one of `nodes`, in one statement.
   * @param maxRows how many steps to return at most, for all nodes together
   */
  expandFrontier(
    context: RequestContext,
    nodes: readonly string[],
    selection: RelationSelection,
    maxRows: number,
  ): Promise<Expansion>;

  /** The entities that each document names, in the document's order. `kinds` null means every kind. */
  documentEntities(
    context: RequestContext,
    documents: readonly string[],
    kinds: readonly string[] | null,
    slice: Slice<readonly [position: number, id: string]>,
  ): Promise<Map<string, { position: number; entity: Entity }[]>>;

  /** How many entities each document names; those that name none are absent. */
  countDocumentEntities(
    context: RequestContext,
    documents: readonly string[],
    kinds: readonly string[] | null,
  ): Promise<Map<string, number>>;

  /** The ids of the documents that name each entity, in the order of these ids. */
  entityDocuments(
    context: RequestContext,
    entities: readonly string[],
    slice: Slice<readonly [id: string]>,
  ): Promise<Map<string, string[]>>;

  /** How many documents name each entity; those that none names are absent. */
  countEntityDocuments(context: RequestContext, entities: readonly string[]): Promise<Map<string, number>>;

  /** Creates or changes entities and marks them as written by hand. @returns them in the order given, each once */
  upsertEntities(context: RequestContext, entities: readonly EntityWrite[]): Promise<Entity[]>;

  /**
   * Creates or changes relations and marks them as written by hand.
   * @returns them in the order given, each once
   * @throws CodedError `NOT_FOUND` when an end given by id does not exist; nothing is written then
   */
  upsertRelations(context: RequestContext, relations: readonly RelationWrite[]): Promise<Relation[]>;

  /** Deletes entities with their relations and mentions. @returns the ids that existed, in the order given */
  deleteEntities(context: RequestContext, ids: readonly string[]): Promise<string[]>;

  /** Deletes relations, whoever asserted them. @returns the ids that existed, in the order given */
  deleteRelations(context: RequestContext, ids: readonly string[]): Promise<string[]>;

  /**
   * Makes what the graph knows from these documents exactly this, in one transaction. A relation goes with the last
   * document that asserts it, an entity with its last mention and relation; what was written by hand stays.
   * Ends of relations must be given by name and kind; they are created, but count as mentions only where `entities`
   * names them too. Merged properties stay as long as their entity or relation does.
   */
  indexDocuments(context: RequestContext, documents: readonly DocumentGraph[]): Promise<void>;

  /** Documents that mention or assert something, by id, behind `after`. */
  documentIds(context: RequestContext, after: string | null, limit: number): Promise<string[]>;

  /** The ids of the entities and relations that each document names; documents that name none are absent. */
  documentContents(
    context: RequestContext,
    documents: readonly string[],
  ): Promise<Map<string, { entities: string[]; relations: string[] }>>;

  /** The properties of entities and relations as stored, and whether a hand wrote them; unknown ids are absent. */
  storedItems(
    context: RequestContext,
    entities: readonly string[],
    relations: readonly string[],
  ): Promise<Map<string, StoredItem>>;

  /** Documents that mention these entities or assert these relations, at most `limit` of each. */
  documentsOf(
    context: RequestContext,
    entities: readonly string[],
    relations: readonly string[],
    limit: number,
  ): Promise<Map<string, string[]>>;

  /** Probes the stores; never throws. */
  health(): Promise<StoreHealth[]>;
  /** Removes everything of a tenant; absent where that is PostgreSQL's. */
  readonly erasure?: StoreErasure;
  /** Looks closer at the store. @throws CodedError */
  examine?(): Promise<Examination>;

  /** Ends the clients that the driver made itself. */
  close(): Promise<void>;
}

/** The half of a driver that reads. */
export type GraphReads = Pick<
  GraphDriver,
  | 'entitiesByIds'
  | 'findEntities'
  | 'countEntities'
  | 'aggregate'
  | 'matching'
  | 'names'
  | 'facets'
  | 'countRelationsOf'
  | 'relationsOf'
  | 'relationsByIds'
  | 'expandFrontier'
  | 'documentEntities'
  | 'countDocumentEntities'
  | 'entityDocuments'
  | 'countEntityDocuments'
  | 'documentIds'
  | 'documentContents'
  | 'storedItems'
  | 'documentsOf'
>;
