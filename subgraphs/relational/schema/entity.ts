/** What the types of this subgraph have in common: fields from a model's columns, keys, root lists. */
import type { EnumRef, ImplementableObjectRef, InterfaceRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import { addAggregateField, type AggregatedType } from '#subgraphs/shared/aggregates/types.ts';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { SubgraphBuilder, SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import { listedBy } from '#subgraphs/shared/conditions.ts';
import {
  connectionType,
  pageArguments,
  pageOfRows,
  pageRequest,
  readPage,
  type Edge,
  type PageArguments,
  type RowReader,
} from '#subgraphs/shared/connections.ts';
import type { Chat, EntityLookup, GraphLookup, KeyStore } from '#subgraphs/shared/ports.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { noteForeignIds } from '#subgraphs/shared/filters/named.ts';
import { checkId, ID_PREFIX, noSuch, type IdType } from '#subgraphs/shared/ids.ts';
import { insteadUse } from '#subgraphs/shared/renamed.ts';
import { takes } from '#subgraphs/shared/scopes.ts';
import type { WorkPool } from '#subgraphs/shared/work/work-pool.ts';
import type { IndexedStore, IndexingRow, ListRequest, ModelName, RelationalDriver, Rows } from '../driver.ts';
import { filterInput, parseFilter, type FilterInput } from '../models/filters.ts';
import type { IndexingHub } from '../indexing/hub.ts';
import type { Extraction } from '#subgraphs/shared/extraction/extraction.ts';
import type { Peppers } from '../keys/secret.ts';
import type { Loaders } from '../loaders.ts';
import { columnOf, columnsOf, MODELS, READ_SCOPES, type ColumnType, type Model } from '../models/columns.ts';
import { orderInput, parseCursor, parseOrder, reversed, rowCursor } from '../models/orders.ts';
import type { Order } from '../models/sort.ts';
import type { tellUnknown } from './unknown.ts';

/** What documents are cut with. */
export interface Cutting {
  /** Threads for long texts. */
  readonly work: WorkPool;
  /** Reads the text of files that come as bytes. */
  readonly extraction: Extraction;
  /** The most tokens that the embedding model takes. @default any number */
  readonly maxTokens?: number | undefined;
}

/** What API keys are made with and looked up by. */
export interface KeyMaking {
  readonly peppers: Peppers;
  /** How many a tenant may have in use. */
  readonly most: number;
  /** For how many days one holds of which nothing else is said, and for how many it may. */
  readonly days: number;
  readonly maxDays: number;
  /** For how many seconds a secret holds beside the one that replaces it, where nothing else is said, and for how many it may. */
  readonly overlap: number;
  readonly maxOverlap: number;
  readonly store: KeyStore;
}

/** For how long a mutation may wait for stores, in milliseconds. */
export interface Waits {
  readonly waitMs: number;
  readonly waitMaxMs: number;
  /** The longest time for a whole answer. */
  readonly requestMs: number;
}

type Types = PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>;
export type Ref<Shape> = ImplementableObjectRef<Types, Shape>;
/** Something with an id. Which type it is, its id says. */
export interface NodeShape {
  readonly id: string;
}
export type NodeRef = InterfaceRef<Types, NodeShape>;
/** Pothos' `t` of an object type, and of an input type. */
export type ObjectFields<Shape> = PothosSchemaTypes.ObjectFieldBuilder<Types, Shape>;
export type InputFields = PothosSchemaTypes.InputFieldBuilder<Types, 'InputObject'>;

/** What the parts of this schema are built with. */
export interface SchemaParts {
  readonly subgraph: SubgraphSchema;
  readonly builder: SubgraphBuilder;
  /** Only for resolvers: it is not there while the schema is built. */
  readonly driver: () => RelationalDriver;
  /** What documents are cut with; only for resolvers, too. */
  readonly cutting: () => Cutting;
  /** What API keys are made with and looked up by; only for resolvers, too. */
  readonly keys: () => KeyMaking;
  /** Which runs there are, where that is known; only for resolvers, too. */
  readonly runs: () => EntityLookup | undefined;
  /** Which entities and relations of the graph there are, and which documents name them, likewise. */
  readonly graph: () => GraphLookup | undefined;
  /** A model that sums up sessions, where there is one, likewise. */
  readonly chat: () => Chat | undefined;
  /** Whether what is said in sessions is found by meaning, likewise. */
  readonly messagesIndexed: () => boolean;
  readonly loaders: (context: RequestContext) => Loaders;
  /** The object type of each model. */
  readonly types: { readonly [M in ModelName]: Ref<Rows[M]> };
  /** Those of each model that has a root list. */
  readonly inputs: Map<ModelName, ListInputs>;
  /** What everything with a typed id is. */
  readonly node: NodeRef;
  /** Entities of other subgraphs, by key alone. */
  readonly stubs: {
    readonly StoredObject: Ref<{ key: string }>;
    readonly Run: Ref<{ id: string }>;
    readonly Entity: Ref<{ id: string }>;
  };
  /** The stores that follow a document. */
  readonly indexedStore: EnumRef<Types, IndexedStore>;
  /** How far one has come, and, for resolvers, what tells of that and for how long it may be waited for. */
  readonly indexing: {
    readonly type: Ref<IndexingRow>;
    readonly hub: () => IndexingHub;
    readonly waits: () => Waits;
  };
}

const GRAPHQL_TYPE: Record<ColumnType, string> = {
  id: 'ID',
  text: 'String',
  int: 'Int',
  boolean: 'Boolean',
  moment: 'DateTime',
  json: 'JSON',
};

/**
 * Fields that return a column as it is: nullable where the column is, and where other subgraphs refer to the type (see `Model.referred`).
 * @param read where they are not read with the row
 */
export function columnFields<M extends ModelName>(
  t: ObjectFields<Rows[M]>,
  name: M,
  fields: readonly (keyof Rows[M] & string)[],
  read?: (row: Rows[M], context: RequestContext) => Promise<Partial<Rows[M]>>,
) {
  const model = MODELS[name] as Model;
  return Object.fromEntries(
    fields.flatMap((field) => {
      const { type, description, nullable, formerly } = columnOf(model, field);
      const options = {
        type: GRAPHQL_TYPE[type] as 'String',
        nullable: field !== 'id' && (nullable === true || model.referred === true),
        description,
        resolve: (read === undefined
          ? (row: Rows[M]) => row[field]
          : async (row: Rows[M], _: unknown, context: RequestContext) => (await read(row, context))[field]) as never,
      };
      return [
        [field, t.field(options)],
        ...(formerly === undefined ? [] : [[formerly, t.field({ ...options, ...insteadUse(field) })]]),
      ];
    }),
  );
}

/**
 * Defines the object type of a model: an entity with the key `id`.
 * @param columns the fields that are columns, the id included
 * @param fields the fields that are more than a column
 */
export function entityType<M extends ModelName>(
  { builder, types, loaders, node }: SchemaParts,
  name: M,
  description: string,
  columns: readonly (keyof Rows[M] & string)[],
  fields: (t: ObjectFields<Rows[M]>) => Record<string, any> = () => ({}), // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
): void {
  const ref = types[name];
  builder.asEntity(ref as Ref<object>, {
    key: builder.selection<{ id: string }>('id'),
    resolveReference: (({ id }: { id: string }, context: RequestContext) =>
      loaders(context).byId[name].load(id)) as never,
  });
  (ref as Ref<object>).implement({
    description,
    interfaces: [node] as never,
    fields: ((t: ObjectFields<Rows[M]>) => ({ ...columnFields(t, name, columns), ...fields(t) })) as never,
  });
}

/**
 * The run that a caller says wrote something; null where he says none.
 * @throws CodedError `BAD_USER_INPUT` for what is no id of one, and `NOT_FOUND` for one that there is not
 */
export async function checkRun(
  { runs }: SchemaParts,
  context: RequestContext,
  id: string | null | undefined,
): Promise<string | null> {
  if (id == null) return null;
  checkId('Run', id);
  if ((await runs()?.existing(context, 'Run', [id]))?.has(id) === false) throw noSuch('Run', id);
  return id;
}

/** Adds the root field that loads one row by its id. */
export function rootItem<M extends ModelName>(
  { builder, types, loaders }: SchemaParts,
  name: M,
  field: string,
  what: string,
): void {
  builder.queryField(field, (t) =>
    t.field({
      type: types[name],
      description: `The ${what} with this id; null when there is none.`,
      args: { id: t.arg.id({ required: true, description: 'The id.' }) },
      resolve: (_, { id }, context) =>
        loaders(context).byId[name].load(name in ID_PREFIX ? checkId(name as IdType, id) : id) as never,
    }),
  );
}

/** The inputs by which lists of a model are filtered and sorted. */
export interface ListInputs {
  readonly where: ReturnType<typeof filterInput>;
  readonly orderBy: ReturnType<typeof orderInput>;
}

export type ListArguments = PageArguments & { where?: FilterInput | null; orderBy?: Order[] | null };

/** @param order the list's own */
export function listArguments(
  t: { arg: unknown },
  model: Model,
  { where, orderBy }: ListInputs,
  order: Order = model.defaultOrder,
) {
  const arg = t.arg as PothosSchemaTypes.InputFieldBuilder<Types, 'Arg'>['field'];
  const byDefault = `by \`${order.field}\`, ${order.direction === 'DESC' ? 'largest' : 'smallest'} first`;
  return {
    where: arg({ type: where, description: `Which ${model.items}; all of them when absent.` }),
    orderBy: arg({
      type: [orderBy],
      description: `How to sort, the most important first; ${byDefault}, when absent. At most 5 fields.`,
    }),
    ...pageArguments(t.arg as never),
  };
}

/**
 * How a page of a model's rows is read.
 * @param list the rows that a request is for
 * @param byDefault the list's own order
 */
export function rowReader<M extends ModelName>(
  name: M,
  given: ListArguments,
  list: (request: ListRequest) => Promise<Rows[M][]>,
  byDefault?: Order,
): { condition: Condition | undefined; reader: RowReader<Rows[M], Edge<Rows[M]>> } {
  const model = MODELS[name] as Model;
  const page = pageRequest(given);
  const condition = parseFilter(model, given.where);
  const order = parseOrder(model, given.orderBy, byDefault);
  const after = page.from === undefined ? undefined : parseCursor(model, order, page.from);
  const reading = page.backward ? order.map(reversed) : order;
  const read = (last: Edge<Rows[M]> | undefined, limit: number): Promise<Rows[M][]> => {
    const behind = last === undefined ? after : parseCursor(model, order, last.cursor());
    return list({ where: condition, order: reading, after: behind, limit });
  };
  const edgeOf = (node: Rows[M]): Edge<Rows[M]> => ({ cursor: () => rowCursor(model, order, node), node });
  return { condition, reader: { page, read, edgeOf } };
}

/** What the ids in a model's columns are of, where their names say it: `id`, `agentId`. */
const idTypesOf = (model: Model): Record<string, IdType> =>
  Object.fromEntries(
    Object.entries(model.columns)
      .filter(([, column]) => column?.type === 'id')
      .map(([name]): [string, string] => [
        name,
        name === 'id'
          ? model.name
          : name.replace(/^(.)(.*)Id$/, (_, first: string, rest: string) => first.toUpperCase() + rest),
      ])
      .filter((pair): pair is [string, IdType] => pair[1] in ID_PREFIX),
  );

/**
 * Adds the root field that lists a model (filter, order, keyset pages, a count when asked for), and the one that aggregates it.
 * @param options.enums filters of the columns whose values are an enum's
 * @param options.enumTypes those enums
 * @param options.whenEmpty tells what may be wrong with a filter that nothing matches
 */
export function rootList<M extends ModelName>(
  parts: SchemaParts,
  name: M,
  field: string,
  {
    enums = {},
    enumTypes,
    whenEmpty,
  }: {
    enums?: Parameters<typeof filterInput>[2];
    enumTypes?: Readonly<Record<string, unknown>>;
    whenEmpty?: typeof tellUnknown;
  } = {},
): void {
  const { subgraph, builder, types, driver, loaders, inputs } = parts;
  const scope = READ_SCOPES[name];
  const model = MODELS[name] as Model;
  const connection = connectionType<Rows[M]>(subgraph, name, {
    node: types[name],
    items: model.items,
    totalCount: true,
  });
  const idTypes = idTypesOf(model);
  const own = { where: filterInput(subgraph, model, enums), orderBy: orderInput(subgraph, model) };
  inputs.set(name, own);
  rootAggregate(parts, name, field, own.where, enumTypes);
  builder.queryField(field, (t) =>
    t.field({
      type: connection,
      directives: { ...(scope === undefined ? {} : takes(scope)), lists: listedBy('id') },
      description: `The ${model.items} that match. Pages stay stable while items are added.`,
      args: listArguments(t, model, own),
      resolve: async (_, args, context, info) => {
        const { condition, reader } = rowReader(name, args as ListArguments, async (request) => {
          const rows = await driver().list(context, name, request);
          // What refers back to these rows need not load them again.
          for (const row of rows) loaders(context).byId[name].prime(row.id, row);
          return rows;
        });
        const page = await readPage(reader, info);
        const { size, from } = reader.page;
        if (size > 0 && from === undefined && Array.isArray(page.edges) && page.edges.length === 0) {
          noteForeignIds(condition, idTypes, info);
          await whenEmpty?.(driver(), (args as ListArguments).where, condition, context, info);
        }
        return {
          ...page,
          totalCount: () => driver().count(context, name, condition),
        };
      },
    }),
  );
}

/**
 * Adds the root field that counts and measures a model by group.
 * @param list the name of its root list, or what that would be called
 * @param enumTypes of the columns whose values are an enum's, by field
 */
export function rootAggregate(
  { subgraph, driver }: SchemaParts,
  name: ModelName,
  list: string,
  where: ListInputs['where'],
  enumTypes: Readonly<Record<string, unknown>> = {},
): void {
  const model = MODELS[name] as Model;
  const of: AggregatedType = {
    name,
    items: model.items,
    scope: READ_SCOPES[name],
    columns: Object.fromEntries(
      columnsOf(model)
        .filter(([, column]) => column.filterable)
        .map(([field, { type }]) => [field, { kind: type, type: enumTypes[field] ?? GRAPHQL_TYPE[type] }]),
    ),
  };
  addAggregateField(subgraph, of, {
    name: `${list}Aggregate`,
    description: `How many ${model.items} match, by what they have: counts, sums, averages, extremes and percentiles of groups.`,
    where,
    conditionOf: (given) => parseFilter(model, given),
    aggregate: (context, request) => driver().aggregate(context, name, request),
  });
}

/**
 * The connection of a list of what belongs to an object.
 * @param of the object's type and the model, as `RunArtifact`
 * @param items as people call them: `artifacts of a run`
 */
export const belongingType = <M extends ModelName>(
  { subgraph, types }: SchemaParts,
  name: M,
  of: string,
  items: string,
) => connectionType<Rows[M]>(subgraph, of, { node: types[name], items, totalCount: true });

/**
 * A field that lists what belongs to an object, as the root list of the model does; its `rootList` is added elsewhere.
 * @param parent the field of the rows that names the object
 * @param options.back the field of the model that leads back to the object
 * @param options.keyOf by what it names it
 * @param options.order the list's own. @default the model's
 */
export function listField<Shape extends object, M extends ModelName>(
  t: ObjectFields<Shape>,
  { loaders, inputs }: SchemaParts,
  name: M,
  parent: keyof Rows[M] & string,
  connection: ReturnType<typeof belongingType<M>>,
  {
    description,
    back,
    keyOf,
    order,
  }: { description: string; back: string; keyOf: (object: Shape) => string; order?: Order },
) {
  const model = MODELS[name] as Model;
  return t.field({
    type: connection as never,
    directives: { leads: { back } },
    description,
    args: listArguments(t, model, inputs.get(name)!, order) as never,
    resolve: (async (object: Shape, args: unknown, context: RequestContext, info: GraphQLResolveInfo) => {
      const key = keyOf(object);
      const list = (request: ListRequest) => loaders(context).listOf(name, parent, request).load(key);
      const { condition, reader } = rowReader(name, args as ListArguments, list, order);
      return {
        ...(await pageOfRows(reader, info)),
        totalCount: () => loaders(context).countOf(name, parent, condition).load(key),
      };
    }) as never,
  });
}
