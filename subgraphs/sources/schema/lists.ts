/** Lists of rows: their arguments, and how a page is read. */
import type { ObjectRef } from '@pothos/core';
import type { FieldNode, GraphQLResolveInfo } from 'graphql';
import {
  connectionType,
  forwardArguments,
  pageArguments,
  pageOfRows,
  pageRequest,
  readPage,
  type Edge,
  type Page,
  type PageArguments,
  type PageRequest,
  type RowReader,
} from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { SOURCES } from '../bounds.ts';
import { tableIdOf, type ListRequest, type OrderLevel, type SourceRow } from '../driver.ts';
import type { OfEach } from '../loaders.ts';
import { ROW_KEY, type ModelLink, type ModelType } from '../model/model.ts';
import { filterInput, orderInput, parseFilter, parseOrder } from './filters.ts';
import type { SchemaParts } from './parts.ts';
import { selectedFields } from '#subgraphs/shared/selections.ts';

export interface ListArguments extends PageArguments {
  where?: FilterInput | null;
  orderBy?: OrderLevel[] | null;
}

type RowEdge = Edge<SourceRow>;
type Connection = ObjectRef<any, Page<SourceRow, RowEdge>>; // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter

/** By what makes the schema, then by type. */
const connections = new WeakMap<SchemaParts['refs'], Map<string, Connection>>();
const orders = new WeakMap<SchemaParts['refs'], Map<string, ReturnType<typeof orderInput>>>();

export function once<Made>(
  made: WeakMap<object, Map<string, Made>>,
  { refs }: SchemaParts,
  name: string,
  make: () => Made,
): Made {
  const known = made.get(refs) ?? new Map<string, Made>();
  made.set(refs, known);
  if (!known.has(name)) known.set(name, make());
  return known.get(name)!;
}

/** The connection of a type, which all lists of its rows have. */
export const listType = (parts: SchemaParts, type: ModelType): Connection =>
  once(connections, parts, type.name, () =>
    connectionType<SourceRow>(parts.subgraph, type.name, {
      node: parts.refs.get(type.name)!,
      items: type.items,
      totalCount: true,
    }),
  );

export function listArguments(parts: SchemaParts, type: ModelType, given: unknown) {
  const arg = given as (options: { type: unknown; description: string }) => unknown;
  const order = once(orders, parts, type.name, () => orderInput(parts, type));
  const byDefault = parseOrder(type, undefined).map(
    ({ field, direction }) => `\`${field}\`${direction === 'DESC' ? ' (largest first)' : ''}`,
  );
  return {
    where: arg({ type: filterInput(parts, type), description: `Which ${type.items}; all of them when absent.` }),
    ...(order === undefined
      ? {}
      : {
          orderBy: arg({
            type: [order],
            description: `How to sort, the most important first; by ${byDefault.join(', ')}, when absent. At most ${SOURCES.orderFields} fields.`,
          }),
        }),
    ...(type.key.length > 0 ? pageArguments : forwardArguments)(given as never, type.limits),
  };
}

/** What is to be read of rows of which a client selects these fields. */
export function neededOf(
  { key, columns, links, references }: ModelType,
  selected: ReadonlySet<string>,
  order: readonly OrderLevel[] = [],
): Pick<ListRequest, 'fields' | 'texts'> {
  const texts = new Set(order.map(({ field }) => field));
  for (const link of [...links, ...references]) {
    const isCounted = 'aggregate' in link && link.aggregate !== undefined && selected.has(link.aggregate);
    if (isCounted || selected.has(link.field)) for (const [own] of link.pairs) texts.add(own);
  }
  if (selected.has(ROW_KEY)) for (const field of key) texts.add(field);
  return { fields: columns.filter(({ field }) => selected.has(field)).map(({ field }) => field), texts: [...texts] };
}

const NODES = [['nodes'], ['edges', 'node']] as const;

/** What a field asks for, whichever row it is of. */
interface Level {
  readonly page: PageRequest;
  readonly where: Condition | undefined;
  readonly order: readonly OrderLevel[];
  /** What its cursors are of. */
  readonly name: string;
  readonly request: Omit<OfEach<ListRequest>, 'limit'>;
  /** Requests of its first pages, by their limits. */
  readonly first: Map<number, OfEach<ListRequest>>;
}

/**
 * Levels by type, by the nodes of a field and by the variables of an execution, which together say all of its arguments. Rows of
 * one level are many, and ask for the same.
 */
const levels = new WeakMap<ModelType, WeakMap<readonly FieldNode[], WeakMap<object, Level>>>();

function levelOf(parts: SchemaParts, type: ModelType, given: ListArguments, info: GraphQLResolveInfo): Level {
  const ofType = levels.get(type) ?? new WeakMap<readonly FieldNode[], WeakMap<object, Level>>();
  const ofField = ofType.get(info.fieldNodes) ?? new WeakMap<object, Level>();
  const known = ofField.get(info.variableValues);
  if (known !== undefined) return known;
  const page = pageRequest(given, type.limits);
  const where = parseFilter(parts, type, given.where);
  const order = parseOrder(type, given.orderBy);
  const made: Level = {
    page,
    where,
    order,
    name: `${parts.source}.${tableIdOf(type.relation)}:${order.map(({ field, direction }) => `${field} ${direction}`).join()}`,
    request: {
      relation: type.relation,
      ...neededOf(type, selectedFields(info, NODES), order),
      where,
      order: page.backward ? order.map(reversed) : order,
    },
    first: new Map(),
  };
  levels.set(type, ofType.set(info.fieldNodes, ofField.set(info.variableValues, made)));
  return made;
}

/** How a page is read. @param list the rows that a request is for */
function rowReader(
  parts: SchemaParts,
  type: ModelType,
  given: ListArguments,
  info: GraphQLResolveInfo,
  list: (request: OfEach<ListRequest>) => Promise<SourceRow[]>,
): { readonly where: Condition | undefined; readonly reader: RowReader<SourceRow, RowEdge> } {
  const { page, where, order, name, request, first } = levelOf(parts, type, given, info);
  if (type.key.length === 0) {
    const positions = new WeakMap<SourceRow, number>();
    const positionOf = (cursor: string | undefined): number => {
      const [position] = cursor === undefined ? [0] : decodeCursor(name, cursor, 1);
      if (typeof position !== 'number' || !Number.isInteger(position) || position < 0 || position > SOURCES.position)
        throw badUserInput(`Rows without a key are found by counting, up to ${SOURCES.position}.`, {
          hint: 'Filter or sort, so that what is wanted comes first; or give the type a `key` in the file of SOURCES.',
        });
      return position;
    };
    const read = async (last: RowEdge | undefined, limit: number): Promise<SourceRow[]> => {
      const offset = positionOf(last?.cursor() ?? page.from);
      const rows = await list({ ...request, offset, limit });
      for (const [index, row] of rows.entries()) positions.set(row, offset + index + 1);
      return rows;
    };
    return {
      where,
      reader: { page, read, edgeOf: (node) => ({ cursor: () => encodeCursor(name, [positions.get(node)!]), node }) },
    };
  }
  const after = (cursor: string | undefined): (string | null)[] | undefined =>
    cursor === undefined
      ? undefined
      : decodeCursor(name, cursor, order.length).map((value) => (value === null ? null : String(value)));
  const read = (last: RowEdge | undefined, limit: number): Promise<SourceRow[]> => {
    if (last !== undefined) return list({ ...request, after: after(last.cursor()), limit });
    const asked = first.get(limit) ?? { ...request, after: after(page.from), limit };
    first.set(limit, asked);
    return list(asked);
  };
  const edgeOf = (node: SourceRow): RowEdge => ({
    cursor: () =>
      encodeCursor(
        name,
        order.map(({ field }) => node.texts[field] ?? null),
      ),
    node,
  });
  return { where, reader: { page, read, edgeOf } };
}

/** Nulls, the largest values, change sides with it. */
const reversed = ({ field, direction }: OrderLevel): OrderLevel => ({
  field,
  direction: direction === 'ASC' ? 'DESC' : 'ASC',
});

/** A page of the root list of a type. */
export async function rootPage(
  parts: SchemaParts,
  type: ModelType,
  args: ListArguments,
  context: RequestContext,
  info: GraphQLResolveInfo,
): Promise<Page<SourceRow, RowEdge>> {
  const { where, reader } = rowReader(
    parts,
    type,
    args,
    info,
    async (request) => (await parts.driver.list(context, request))[0]!,
  );
  return {
    ...(await readPage(reader, info)),
    totalCount: async () => (await parts.driver.count(context, { relation: type.relation, where }))[0]!,
  };
}

/** A page of the rows that a row leads to. */
export async function linkedPage(
  parts: SchemaParts,
  { to, pairs }: ModelLink,
  row: Pick<SourceRow, 'texts'>,
  args: ListArguments,
  context: RequestContext,
  info: GraphQLResolveInfo,
): Promise<Page<SourceRow, RowEdge>> {
  const type = parts.typeOf(to);
  const key = keyOf(row, pairs);
  const fields = pairs.map(([, other]) => other);
  const loaders = parts.loaders(context);
  const { where, reader } = rowReader(parts, type, args, info, async (request) =>
    key === undefined ? [] : await loaders.list(request, fields, key),
  );
  return {
    ...(await pageOfRows(reader, info)),
    totalCount: async () =>
      key === undefined ? 0 : await loaders.count({ relation: type.relation, where }, fields, key),
  };
}

/** What is asked of the one row that a field leads to, by type and by the nodes of the field. */
const ones = new WeakMap<ModelType, WeakMap<readonly FieldNode[], OfEach<ListRequest>>>();

function oneOf(type: ModelType, info: GraphQLResolveInfo): OfEach<ListRequest> {
  const ofType = ones.get(type) ?? new WeakMap<readonly FieldNode[], OfEach<ListRequest>>();
  const known = ofType.get(info.fieldNodes);
  if (known !== undefined) return known;
  const made = { relation: type.relation, ...neededOf(type, selectedFields(info, [[]])), order: [], limit: 1 };
  ones.set(type, ofType.set(info.fieldNodes, made));
  return made;
}

/** The one row that a row leads to. */
export async function linkedOne(
  parts: SchemaParts,
  { to, pairs }: ModelLink,
  row: Pick<SourceRow, 'texts'>,
  context: RequestContext,
  info: GraphQLResolveInfo,
): Promise<SourceRow | null> {
  const key = keyOf(row, pairs);
  if (key === undefined) return null;
  const rows = await parts.loaders(context).list(
    oneOf(parts.typeOf(to), info),
    pairs.map(([, other]) => other),
    key,
  );
  return rows[0] ?? null;
}

/** Undefined where a part has no value: SQL's null equals nothing. */
export function keyOf({ texts }: Pick<SourceRow, 'texts'>, pairs: ModelLink['pairs']): string[] | undefined {
  const key = pairs.map(([own]) => texts[own] ?? null);
  return key.every((text) => text !== null) ? key : undefined;
}
