/** Collections of a MongoDB as a source: documents are rows, their fields columns. Read only. */
import type { Document, FindOptions } from 'mongodb';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { SOURCES } from '../../bounds.ts';
import type { Relation, RelationColumn, SourceDriver, SourceOptions } from '../../driver.ts';
import { healthOf } from '../health.ts';
import { scannedSource, type Counted, type Scan, type StoredRow } from '../scanned/source.ts';
import { checkedAs, filterOf } from './filter.ts';
import { ID, introspect } from './introspect.ts';
import { inOrder, isSorted } from './ordered.ts';
import { MongoServer } from './server.ts';
import { storedOf } from './values.ts';

/** @throws CodedError `STORE_UNAVAILABLE` for what is no such URL */
export function createMongodbSource(options: SourceOptions): SourceDriver {
  const server = new MongoServer(options);
  return scannedSource(
    {
      introspect: (databases) => introspect(server, databases, options.sampled),
      pages: (context, { relation, where }) => {
        const found = filterOf(relation, context.principal.tenantId, where);
        if (found === undefined) return none();
        return read(server, context, relation, found.filter, {});
      },
      inOrder: (context, { relation, where, order, after }, size) => {
        if (!isSorted(relation, order)) return undefined;
        const found = filterOf(relation, context.principal.tenantId, where);
        if (found === undefined) return none();
        return inOrder(
          {
            relation,
            options,
            read: (filter, how) => read(server, context, relation, filter, how),
            limit: found.exact ? size : undefined,
          },
          found.filter,
          order,
          after,
        );
      },
      count: (context, scan, by, most) => counted(server, context, scan, by, most),
      health: () => healthOf(options.name, () => server.ping()),
      close: () => server.close(),
    },
    options,
  );
}

async function* none(): AsyncGenerator<readonly StoredRow[]> {
  // Nothing can match.
}

/** Columns that are read, the tenant's among them. */
const readOf = ({ columns, tenant }: Relation): RelationColumn[] => [
  ...Object.values(columns),
  ...(tenant === undefined ? [] : [tenant]),
];

async function* read(
  server: MongoServer,
  context: RequestContext,
  relation: Relation,
  filter: Document,
  options: FindOptions,
): AsyncGenerator<readonly StoredRow[]> {
  const columns = readOf(relation);
  const projection = Object.fromEntries([[ID, 0], ...columns.map(({ name }) => [name, 1])]) as Record<string, 0 | 1>;
  for await (const page of server.find(context, relation, filter, {
    projection,
    batchSize: SOURCES.scannedPage,
    ...options,
  }))
    yield page.map((document) =>
      Object.fromEntries(columns.map((column) => [column.name, storedOf(column, document[column.name])])),
    );
}

/** Whether a pipeline names the field of this name, and not one within others or a word of its own. */
const isPath = ({ name }: RelationColumn): boolean => !/^\$|\./.test(name);

async function counted(
  server: MongoServer,
  context: RequestContext,
  { relation, where }: Omit<Scan, 'after'>,
  by: readonly string[],
  most: number,
): Promise<readonly Counted[] | undefined> {
  const found = filterOf(relation, context.principal.tenantId, where);
  if (found === undefined) return [];
  const columns = by.map((field) => relation.columns[field]!);
  if (!found.exact || columns.some((column) => checkedAs(column) === undefined || !isPath(column))) return undefined;
  const id = Object.fromEntries(columns.map(({ name }, index) => [`v${index}`, `$${name}`]));
  const groups = await server.aggregate(context, relation, [
    { $match: found.filter },
    { $group: { _id: columns.length === 0 ? null : id, count: { $sum: 1 } } },
    { $limit: most + 1 },
  ]);
  return groups.map(({ [ID]: values, count }) => ({
    stored: Object.fromEntries(
      columns.map((column, index) => [column.name, storedOf(column, (values as Document)[`v${index}`])]),
    ),
    count: Number(count),
  }));
}
