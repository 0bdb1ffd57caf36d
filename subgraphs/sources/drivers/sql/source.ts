/** A source of any SQL: what reads it, from its dialect and a way to run statements. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Aggregated } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { aggregatedOf, aggregatedOfEach } from '#subgraphs/shared/aggregates/rows.ts';
import {
  noneOf,
  type CountRequest,
  type GroupsRequest,
  type ListRequest,
  type SourceDriver,
  type SourceRow,
  type WriteRequest,
} from '../../driver.ts';
import { healthOf } from '../health.ts';
import type { SqlDialect, SqlStatement, WritingDialect } from './dialect.ts';
import { aggregateStatement, columnIn, countStatement, isTenantOf, listStatement, rowOf } from './statements.ts';
import { givenIn, givenToWrite, namingUnfit } from '../unfit.ts';
import { write as writeRows, type Run } from './writes.ts';

/** What runs statements; each in a transaction of its own that writes nothing. */
export interface SqlConnections extends Pick<SourceDriver, 'introspect' | 'close'> {
  /** @throws CodedError as {@link SourceDriver.list} does */
  read(context: RequestContext, statement: SqlStatement): Promise<Record<string, unknown>[]>;
  /** Runs statements that write in one transaction; a rejection undoes them. @throws CodedError as {@link SourceDriver.write} does */
  write?<T>(context: RequestContext, work: (run: Run) => Promise<T>): Promise<T>;
  /** Asks for nothing. @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT` */
  probe(): Promise<unknown>;
}

/** @param name the source's, for health */
export function createSqlSource(
  name: string,
  dialect: SqlDialect | WritingDialect,
  connections: SqlConnections,
): SourceDriver {
  const source = unnaming(name, dialect, connections);
  const { aggregate, write } = source;
  const naming = <T>(work: Promise<T>, request: CountRequest): Promise<T> =>
    namingUnfit(work, request.relation, () => givenIn(request), dialect.refusedBy);
  return {
    ...source,
    list: (context, request) => naming(source.list(context, request), request),
    count: (context, request) => naming(source.count(context, request), request),
    ...(aggregate === undefined
      ? {}
      : { aggregate: (context, request) => naming(aggregate(context, request), request) }),
    ...(write === undefined
      ? {}
      : {
          write: (context, request) =>
            namingUnfit(
              write(context, request),
              request.relation,
              () => givenToWrite(request.write),
              dialect.refusedBy,
            ),
        }),
  };
}

/** The same, whose errors do not say which value they mean. */
function unnaming(name: string, dialect: SqlDialect | WritingDialect, connections: SqlConnections): SourceDriver {
  const { aggregates } = dialect;
  return {
    introspect: (schemas) => connections.introspect(schemas),
    async list(context: RequestContext, request: ListRequest): Promise<SourceRow[][]> {
      const { parents, relation } = request;
      const { tenantId } = context.principal;
      const lists: SourceRow[][] = Array.from({ length: parents?.keys.length ?? 1 }, () => []);
      if (lists.length === 0 || !isTenantOf(relation, tenantId)) return lists;
      for (const row of await connections.read(context, listStatement(dialect, request, tenantId)))
        lists[parents === undefined ? 0 : Number(row['at']) - 1]!.push(rowOf(dialect, request, row));
      return lists;
    },
    async count(context: RequestContext, request: CountRequest): Promise<number[]> {
      const { parents, relation } = request;
      const { tenantId } = context.principal;
      const counts = new Array<number>(parents?.keys.length ?? 1).fill(0);
      if (counts.length === 0 || !isTenantOf(relation, tenantId)) return counts;
      for (const { at, count } of await connections.read(context, countStatement(dialect, request, tenantId)))
        counts[Number(at) - 1] = Number(count);
      return counts;
    },
    ...(aggregates === undefined
      ? {}
      : {
          async aggregate(context: RequestContext, request: GroupsRequest): Promise<Aggregated[]> {
            const { parents, relation } = request;
            const { tenantId } = context.principal;
            const become = (field: string, value: unknown) => dialect.valueOf(value, columnIn(relation, field));
            const ask = () => connections.read(context, aggregateStatement(dialect, aggregates, request, tenantId));
            if (parents === undefined) return [aggregatedOf(become, request, await ask())];
            const none = noneOf(request);
            if (parents.keys.length === 0 || !isTenantOf(relation, tenantId)) return parents.keys.map(() => none);
            return aggregatedOfEach(become, request, await ask(), { parents: parents.keys.length, none });
          },
        }),
    ...writesOf(dialect, connections),
    health: () => healthOf(name, () => connections.probe()),
    close: () => connections.close(),
  };
}

/** Where both can: changes of rows. */
function writesOf(
  dialect: SqlDialect | WritingDialect,
  { write: transact }: SqlConnections,
): Pick<SourceDriver, 'write'> {
  if (!('written' in dialect) || transact === undefined) return {};
  return {
    async write(context: RequestContext, request: WriteRequest): Promise<SourceRow[]> {
      const once = () =>
        transact(context, async (run) => {
          const rows = await writeRows(dialect, run, request, context.principal.tenantId);
          await request.confirm(rows);
          return rows;
        });
      try {
        return await once();
      } catch (error) {
        // Somebody else has inserted it since it was looked for.
        const isLate = request.write.kind === 'upsert' && error instanceof CodedError && error.code === 'CONFLICT';
        if (!isLate) throw error;
        return await once();
      }
    },
  };
}
