/** Lists of runs: which, in which order, and the cursors of one. */
import type { EnumRef, InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import {
  pageArguments,
  pageRequest,
  type Edge,
  type PageArguments,
  type RowReader,
} from '#subgraphs/shared/connections.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { constantOf, orderInput } from '#subgraphs/shared/order-input.ts';
import {
  RUN_ORDERS,
  runCondition,
  type Run,
  type RunFilter,
  type RunOrder,
  type RunsQuery,
  type RunStatus,
} from '../driver.ts';
import { referenceTo, type RunReference } from './run-reference.ts';

/** The arguments of every list of runs. */
export interface RunListInputs {
  readonly where: InputRef<RunFilter>;
  readonly orderBy: InputRef<RunOrder>;
}

export function addRunListInputs(
  { builder, shared }: SubgraphSchema,
  RunStatus: EnumRef<any, RunStatus>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
): RunListInputs {
  const RunStatusFilter = shared.enumFilter('RunStatusFilter', "a run's status", RunStatus);
  const RunFilterInput = builder.inputRef<RunFilter>('RunFilter');
  RunFilterInput.implement({
    description: 'Which runs. All conditions that are given must hold.',
    fields: (t) => ({
      status: t.field({ type: RunStatusFilter, description: 'On where the run stands.' }),
      id: t.field({ type: shared.IdFilter, description: "On the run's id." }),
      agentId: t.field({ type: shared.IdFilter, description: 'On the agent that the run was started for.' }),
      threadId: t.field({ type: shared.IdFilter, description: 'On the conversation that the run belongs to.' }),
      startedBy: t.field({ type: shared.StringFilter, description: 'On who started the run.' }),
      startedAt: t.field({
        type: shared.DateTimeFilter,
        description: 'On when the run left the queue; one that has not has no value.',
      }),
      finishedAt: t.field({
        type: shared.DateTimeFilter,
        description: 'On when the run ended; one that has not has no value.',
      }),
      createdAt: t.field({ type: shared.DateTimeFilter, description: 'On when the run was queued.' }),
      and: t.field({ type: [RunFilterInput], description: 'All of these must match.' }),
      or: t.field({
        type: [RunFilterInput],
        description: 'At least one of these must match; an empty list matches nothing.',
      }),
      not: t.field({ type: RunFilterInput, description: 'Must not match this.' }),
    }),
  });
  const orderBy = orderInput<RunOrder>({ builder, shared }, 'Run', {
    items: 'runs',
    description: 'How to sort runs. What has not happened yet counts as the latest.',
    values: Object.fromEntries(
      RUN_ORDERS.map((field) => [constantOf(field), { value: field, description: ORDER_DESCRIPTIONS[field] }]),
    ),
  });
  return { where: RunFilterInput, orderBy };
}

const ORDER_DESCRIPTIONS = {
  createdAt: 'When the run was queued.',
  startedAt: 'When the run left the queue.',
  finishedAt: 'When the run ended.',
} as const;

type Types = PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>;

export function runListArguments(t: { arg: unknown }, { where, orderBy }: RunListInputs) {
  const arg = t.arg as PothosSchemaTypes.InputFieldBuilder<Types, 'Arg'>['field'];
  return {
    where: arg({ type: where, description: 'Which runs; all when absent.' }),
    orderBy: arg({
      type: [orderBy],
      description: 'How to sort, the most important first; the newest first when absent.',
    }),
    ...pageArguments(t.arg as never),
  };
}

export type RunListArguments = PageArguments & { where?: RunFilter | null; orderBy?: RunOrder[] | null };

/**
 * How a page of runs is read.
 * @param list the runs that a query is for
 * @throws CodedError `BAD_USER_INPUT`
 */
export function runReader(
  given: RunListArguments,
  list: (query: RunsQuery) => Promise<Run[]>,
): { condition: Condition | undefined; reader: RowReader<RunReference, Edge<RunReference>> } {
  const page = pageRequest(given);
  const condition = runCondition(given.where);
  const order: readonly RunOrder[] = given.orderBy?.length
    ? given.orderBy
    : [{ field: 'createdAt', direction: 'DESC' }];
  if (new Set(order.map(({ field }) => field)).size < order.length)
    throw badUserInput('`orderBy` names a field twice.');
  const name = `runs:${order.map(({ field, direction }) => `${field} ${direction}`).join()}`;
  const after = page.from === undefined ? null : parseCursor(name, order, page.from);
  const reading = page.backward ? order.map(reversed) : order;
  const read = async (last: Edge<RunReference> | undefined, limit: number): Promise<RunReference[]> => {
    const behind = last === undefined ? after : keyOf(last.node.run!, order);
    return (await list({ where: condition, order: reading, after: behind, limit })).map(referenceTo);
  };
  const edgeOf = (node: RunReference): Edge<RunReference> => ({
    cursor: () => encodeCursor(name, keyOf(node.run!, order)),
    node,
  });
  return { condition, reader: { page, read, edgeOf } };
}

const keyOf = (run: Run, order: readonly RunOrder[]): (string | null)[] => [
  ...order.map(({ field }) => run[field]?.toISOString() ?? null),
  run.id,
];

const reversed = ({ field, direction }: RunOrder): RunOrder => ({
  field,
  direction: direction === 'ASC' ? 'DESC' : 'ASC',
});

function parseCursor(name: string, order: readonly RunOrder[], cursor: string): (string | null)[] {
  const values = decodeCursor(name, cursor, order.length + 1) as (string | null)[];
  const isKey = values.every((value, at) => {
    const level = order[at];
    if (value === null) return level !== undefined && level.field !== 'createdAt';
    return typeof value === 'string' && (level === undefined || !Number.isNaN(Date.parse(value)));
  });
  if (!isKey)
    throw badUserInput('`after` or `before` is not a cursor of this list.', {
      hint: 'Use the `endCursor`, `startCursor` or `cursor` of an earlier answer as it is.',
    });
  return values;
}
