/** `Query.run` and `Query.runs`. */
import type { EnumRef, ObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import {
  connectionType,
  pageArguments,
  pageRequest,
  readPage,
  type Edge,
  type PageArguments,
} from '#subgraphs/shared/connections.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { checkId } from '#subgraphs/shared/ids.ts';
import { runCondition, type RunFilter, type RunStatus as RunStatusValue } from '../driver.ts';
import { referenceTo, type RunReference } from './run-reference.ts';
import type { Loaders } from '../loaders.ts';
import type { RunsSchemaDeps } from './deps.ts';

export function addQueries(
  schema: SubgraphSchema,
  deps: RunsSchemaDeps,
  run: ObjectRef<any, RunReference>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  RunStatus: EnumRef<any, RunStatusValue>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  loaders: Loaders,
): void {
  const { builder, shared } = schema;
  const RunStatusFilter = shared.enumFilter('RunStatusFilter', 'a run’s status', RunStatus);
  const RunFilterInput = builder.inputRef<RunFilter>('RunFilter');
  RunFilterInput.implement({
    description: 'Which runs. All conditions that are given must hold.',
    fields: (t) => ({
      status: t.field({ type: RunStatusFilter, description: 'On where the run stands.' }),
      id: t.field({ type: shared.IdFilter, description: 'On the run’s id.' }),
      agentId: t.field({ type: shared.IdFilter, description: 'On the agent that the run was started for.' }),
      threadId: t.field({ type: shared.IdFilter, description: 'On the conversation that the run belongs to.' }),
      startedBy: t.field({ type: shared.StringFilter, description: 'On who started the run.' }),
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
  const RunOrderField = builder.enumType('RunOrderField', {
    description: 'What runs can be sorted by.',
    values: { CREATED_AT: { description: 'When the run was queued.' } } as const,
  });
  const RunOrder = builder.inputType('RunOrder', {
    description: 'One criterion of an order.',
    fields: (t) => ({
      field: t.field({ type: RunOrderField, required: true, description: 'What to sort by.' }),
      direction: t.field({
        type: shared.OrderDirection,
        required: true,
        defaultValue: 'ASC',
        description: 'Which way.',
      }),
    }),
  });
  const RunConnection = connectionType<RunReference>(schema, 'Run', { node: run, items: 'runs', totalCount: true });

  builder.queryField('run', (t) =>
    t.field({
      type: run,
      description: 'The run with this id; null where there is none.',
      args: { id: t.arg.id({ required: true, description: 'The run’s id.' }) },
      resolve: async (_root, { id }, context) => {
        const found = await loaders(context).run.load(checkId('Run', id));
        return found && referenceTo(found);
      },
    }),
  );
  builder.queryField('runs', (t) =>
    t.field({
      type: RunConnection,
      description: 'The tenant’s runs, the newest first unless `orderBy` says otherwise.',
      args: {
        where: t.arg({ type: RunFilterInput, description: 'Which runs; all when absent.' }),
        orderBy: t.arg({
          type: [RunOrder],
          description: 'How to sort: at most one criterion. The newest first when absent.',
        }),
        ...pageArguments(t.arg as never),
      },
      resolve: async (_root, { where, orderBy, ...args }, context, info) => {
        const page = pageRequest(args as PageArguments);
        const condition = runCondition(where);
        if (orderBy && orderBy.length > 1) throw badUserInput('Runs are sorted by one criterion.');
        const direction = orderBy?.[0] ? orderBy[0].direction : 'DESC';
        const list = `runs:CREATED_AT:${direction}`;
        const reading = page.backward === (direction === 'ASC') ? 'DESC' : 'ASC';
        const read = async (last: Edge<RunReference> | undefined, limit: number): Promise<RunReference[]> => {
          const behind = decodeAfter(list, last?.cursor() ?? page.from);
          return (await deps.driver.runs(context, { where: condition, direction: reading, after: behind, limit })).map(
            referenceTo,
          );
        };
        const edgeOf = (node: RunReference): Edge<RunReference> => ({
          cursor: () => encodeCursor(list, [node.run!.createdAt.toISOString(), node.id]),
          node,
        });
        return {
          ...(await readPage({ page, read, edgeOf }, info)),
          totalCount: () => deps.driver.countRuns(context, condition),
        };
      },
    }),
  );
}

function decodeAfter(list: string, after: string | null | undefined): readonly [string, string] | null {
  if (after === null || after === undefined) return null;
  const [createdAt, id] = decodeCursor(list, after, 2);
  if (typeof createdAt !== 'string' || typeof id !== 'string' || Number.isNaN(Date.parse(createdAt))) {
    throw badUserInput('`after` or `before` is not a cursor of this list.', {
      hint: 'Use the `endCursor`, `startCursor` or `cursor` of an earlier answer as it is.',
    });
  }
  return [createdAt, id];
}
