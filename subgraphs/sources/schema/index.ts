/** GraphQL of a source's model: types, root fields of one row and of lists, connections along links. */
import type { EnumRef, InputRef } from '@pothos/core';
import type { GraphQLResolveInfo, GraphQLSchema } from 'graphql';
import { createSubgraphSchema, type SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { AuditSink, Embedder } from '#subgraphs/shared/ports.ts';
import { SOURCES } from '../bounds.ts';
import { tableIdOf, type SourceDriver, type SourceRow } from '../driver.ts';
import { createLoaders } from '../loaders.ts';
import { hasRowKey, lookupKey, ROW_KEY, type ModelEnum, type ModelType, type SourceModel } from '../model/model.ts';
import { ChangeHub } from '../changes/hub.ts';
import { addAggregate } from './aggregates.ts';
import { addChangeKinds, addChanges } from './changes.ts';
import { listArguments, listType, neededOf, rootPage } from './lists.ts';
import { fitting } from './fitting.ts';
import { addMutations } from './mutations.ts';
import { linkFields, type Fields } from './links.ts';
import { addNearest } from './nearest.ts';
import type { SchemaParts } from './parts.ts';
import { rowKeyOf } from './row-keys.ts';
import { scalarNames } from './scalars.ts';
import { addStub, referenceOf } from './stubs.ts';
import { selectedFields } from '#subgraphs/shared/selections.ts';

export interface SchemaOptions {
  /** Keeps who changed what. @default nobody */
  readonly audit?: AuditSink['changed'];
  /** Makes vectors of texts. @default nothing does */
  readonly embedder?: () => Embedder | undefined;
  /** Follows changes of rows. @default one of its own */
  readonly hub?: ChangeHub;
  /** Told what shows that the store is not as it was when it was looked at. @default nobody is */
  readonly changed?: (what: string) => void;
}

export function buildSchema(
  model: SourceModel,
  driver: SourceDriver,
  {
    audit = () => Promise.resolve(),
    embedder = () => undefined,
    hub = new ChangeHub(),
    changed = () => undefined,
  }: SchemaOptions = {},
): GraphQLSchema {
  const mutation = driver.write !== undefined && model.types.some(({ mutations }) => mutations !== undefined);
  const subscription = model.types.some(({ changes }) => changes !== undefined);
  const subgraph = createSubgraphSchema({ query: true, mutation, subscription }, { exact: true });
  const { builder } = subgraph;
  const types = new Map(model.types.map((type) => [type.name, type]));
  // Keys of others may hold enums that are theirs.
  const known = [...model.enums, ...model.stubs.flatMap(({ key }) => key.flatMap((column) => column.enum ?? []))];
  const enums = new Map(
    [...new Map(known.map((each) => [each.name, each])).values()].map((each) => [each.name, addEnum(subgraph, each)]),
  );
  const scalarOf = scalarNames(subgraph);
  const parts: SchemaParts = {
    subgraph,
    source: model.source,
    driver,
    audit,
    embedder,
    hub,
    changed,
    loaders: createLoaders(driver),
    refs: new Map(model.types.map(({ name }) => [name, builder.objectRef<SourceRow>(name)])),
    scalarOf,
    typed: (column) => (column.enum === undefined ? scalarOf(column.kind) : enums.get(column.enum.name)),
    enumFilterOf: (name) =>
      subgraph.shared.enumFilter(`${name}Filter`, `one of \`${name}\``, enums.get(name)!) as InputRef<object>,
    typeOf: (name) => types.get(name)!,
    filters: new Map(),
    manyFilters: new Map(),
  };
  const stubs = new Map(model.stubs.map((stub) => [stub.name, addStub(parts, stub)]));
  for (const type of model.types) addType(parts, type, stubs);
  for (const type of model.types) addRoots(parts, type);
  const kinds = subscription ? addChangeKinds(parts) : undefined;
  if (kinds !== undefined) for (const type of model.types) addChanges(parts, type, kinds);
  return subgraph.build();
}

type AnyEnum = EnumRef<any, string>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter

const addEnum = ({ builder }: SubgraphSchema, { name, description, values }: ModelEnum): AnyEnum =>
  builder.enumType(name, {
    description,
    values: Object.fromEntries(
      values.map((each) => [each.name, { value: each.value, description: `\`${each.value}\`.` }]),
    ),
  }) as unknown as AnyEnum;

function addType(parts: SchemaParts, type: ModelType, stubs: ReadonlyMap<string, unknown>): void {
  const { builder } = parts.subgraph;
  const ref = parts.refs.get(type.name)!;
  const connection = listType(parts, type);
  if (type.key.length > 0)
    builder.asEntity(
      ref as never,
      {
        key: builder.selection(type.key.join(' ') as never),
        resolveReference: ((
          given: Readonly<Record<string, unknown>>,
          context: RequestContext,
          info: GraphQLResolveInfo,
        ) => rowByKey(parts, type, given, context, selectedFields(info, [[]]))) as never,
      } as never,
    );
  ref.implement({
    description: type.description,
    fields: ((t: Fields) => ({
      ...Object.fromEntries(
        type.columns.map((column) => {
          const fit = fitting(parts, column, type.relation.columns[column.field]!);
          return [
            column.field,
            t.field({
              type: (column.list ? [parts.typed(column)] : parts.typed(column)) as never,
              nullable: (column.list ? { list: column.nullable, items: true } : column.nullable) as never,
              description: column.description,
              resolve: ({ values }: SourceRow) => fit(values[column.field]) as never,
            }),
          ];
        }),
      ),
      ...(hasRowKey(type)
        ? {
            [ROW_KEY]: t.field({
              type: 'ID',
              nullable: false,
              description: `Its whole key as one text, for conditions of other stores: a JSON list of ${type.key.map((field) => `\`${field}\``).join(', ')} as the store writes them.`,
              resolve: ({ texts }: SourceRow) => rowKeyOf(type, texts),
            }),
          }
        : {}),
      ...(Object.assign({}, ...type.links.map((link) => linkFields(parts, t, link))) as object),
      ...Object.fromEntries(
        type.references.map(({ field, to, pairs, description, leads }) => [
          field,
          t.field({
            ...(leads === undefined ? {} : { directives: { leads } as never }),
            type: stubs.get(to) as never,
            description,
            resolve: (({ texts }: SourceRow) => referenceOf(texts, pairs)) as never,
          }),
        ]),
      ),
    })) as never,
  });
  void connection;
}

function addRoots(parts: SchemaParts, type: ModelType): void {
  const { builder } = parts.subgraph;
  builder.queryField(type.list, (t) =>
    t.field({
      ...(type.linkedAcross ? { directives: { lists: listed(type) } as never } : {}),
      type: listType(parts, type) as never,
      description: `The ${type.items} that match. ${type.key.length > 0 ? 'Pages stay stable while rows are added.' : 'They have no key, so that pages shift where rows are added before them.'}`,
      args: listArguments(parts, type, t.arg) as never,
      resolve: ((_: unknown, args: object, context: RequestContext, info: GraphQLResolveInfo) =>
        rootPage(parts, type, args, context, info)) as never,
    }),
  );
  addMutations(parts, type);
  addAggregate(parts, type);
  addNearest(parts, type);
  const { item } = type;
  if (item === undefined) return;
  const columns = type.key.map((field) => type.columns.find((column) => column.field === field)!);
  builder.queryField(item, (t) =>
    t.field({
      type: parts.refs.get(type.name)! as never,
      description: `The row of \`${tableIdOf(type.relation)}\` with this key; null when there is none.`,
      args: Object.fromEntries(
        columns.map((column) => [
          column.field,
          t.arg({
            type: parts.typed(column) as never,
            required: true as never,
            description: `The \`${column.field}\` of its key.`,
          }),
        ]),
      ) as never,
      resolve: ((
        _: unknown,
        args: Readonly<Record<string, unknown>>,
        context: RequestContext,
        info: GraphQLResolveInfo,
      ) => rowByKey(parts, type, args, context, selectedFields(info, [[]]))) as never,
    }),
  );
}

/** How rows are listed, for filters of other stores. */
const listed = ({ limits, ...type }: ModelType) => ({
  key: lookupKey(type),
  values: SOURCES.listed,
  page: limits.max,
  first: limits.default,
});

async function rowByKey(
  { loaders }: SchemaParts,
  type: ModelType,
  key: Readonly<Record<string, unknown>>,
  context: RequestContext,
  selected: ReadonlySet<string>,
): Promise<SourceRow | null> {
  const texts = type.key.map((field) => {
    const value = key[field];
    return value instanceof Date ? value.toISOString() : String(value);
  });
  const request = { relation: type.relation, ...neededOf(type, selected), order: [], limit: 1 };
  return (await loaders(context).list(request, type.key, texts))[0] ?? null;
}
