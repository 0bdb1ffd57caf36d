/** `Query.run` and `Query.runs`. */
import type { ObjectRef } from '@pothos/core';
import { addAggregateField, type AggregatedType } from '#subgraphs/shared/aggregates/types.ts';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { listedBy } from '#subgraphs/shared/conditions.ts';
import { connectionType, readPage } from '#subgraphs/shared/connections.ts';
import { noteForeignIds } from '#subgraphs/shared/filters/named.ts';
import { checkId } from '#subgraphs/shared/ids.ts';
import { RUN_KINDS, runCondition, type RunFilter } from '../driver.ts';
import { runListArguments, runReader, type RunListArguments, type RunListInputs } from './lists.ts';
import { referenceTo, type RunReference } from './run-reference.ts';
import type { Loaders } from '../loaders.ts';
import type { RunsSchemaDeps } from './deps.ts';

export function addQueries(
  schema: SubgraphSchema,
  deps: RunsSchemaDeps,
  run: ObjectRef<any, RunReference>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  inputs: RunListInputs,
  loaders: Loaders,
  status: unknown,
): void {
  const { builder } = schema;
  const RunConnection = connectionType<RunReference>(schema, 'Run', { node: run, items: 'runs', totalCount: true });

  builder.queryField('run', (t) =>
    t.field({
      type: run,
      description: 'The run with this id; null where there is none.',
      args: { id: t.arg.id({ required: true, description: "The run's id." }) },
      resolve: async (_root, { id }, context) => {
        const found = await loaders(context).run.load(checkId('Run', id));
        return found && referenceTo(found);
      },
    }),
  );
  const aggregates: AggregatedType = {
    name: 'Run',
    items: 'runs',
    columns: Object.fromEntries(
      Object.entries(RUN_KINDS).map(([field, kind]) => [
        field,
        { kind, type: { id: 'ID', enum: status, text: 'String', moment: 'DateTime' }[kind as 'id'] },
      ]),
    ),
  };
  addAggregateField(schema, aggregates, {
    name: 'runsAggregate',
    description: 'How many runs match, by what they have: counts, extremes and percentiles of groups.',
    where: inputs.where,
    conditionOf: (where) => runCondition(where as RunFilter | null | undefined),
    aggregate: (context, request) => deps.driver.aggregateRuns(context, request),
  });
  builder.queryField('runs', (t) =>
    t.field({
      type: RunConnection,
      directives: { lists: listedBy('id') },
      description: "The tenant's runs, the newest first unless `orderBy` says otherwise.",
      args: runListArguments(t, inputs),
      resolve: async (_root, args, context, info) => {
        const { condition, reader } = runReader(args as RunListArguments, (query) => deps.driver.runs(context, query));
        const page = await readPage(reader, info);
        if (reader.page.size > 0 && Array.isArray(page.edges) && page.edges.length === 0)
          noteForeignIds(condition, { id: 'Run', agentId: 'Agent' }, info);
        return {
          ...page,
          totalCount: () => deps.driver.countRuns(context, condition),
        };
      },
    }),
  );
}
