/** What agents, which are another subgraph's, have here. */
import type { ObjectRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { SubgraphTypes } from '#subgraphs/shared/builder-types.ts';
import { connectionType, pageOfRows } from '#subgraphs/shared/connections.ts';
import type { Loaders } from '../loaders.ts';
import { runListArguments, runReader, type RunListArguments, type RunListInputs } from './lists.ts';
import type { RunReference } from './run-reference.ts';

export type AgentRef = ObjectRef<PothosSchemaTypes.ExtendDefaultTypes<SubgraphTypes>, { id: string }>;

/** Adds `Agent.runs`. */
export function addAgentRuns(
  schema: SubgraphSchema,
  agent: AgentRef,
  run: ObjectRef<any, RunReference>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  inputs: RunListInputs,
  loaders: Loaders,
): void {
  const { builder } = schema;
  const connection = connectionType<RunReference>(schema, 'AgentRun', {
    node: run,
    items: 'runs of an agent',
    totalCount: true,
  });
  builder.objectField(agent, 'runs', (t) =>
    t.field({
      type: connection,
      directives: { leads: { back: 'agent' } },
      description: 'The runs that were started for it, the newest first unless `orderBy` says otherwise.',
      args: runListArguments(t, inputs),
      resolve: async ({ id }, args, context, info) => {
        const { condition, reader } = runReader(args as RunListArguments, (query) =>
          loaders(context).runsOfAgent(query).load(id),
        );
        return {
          ...(await pageOfRows(reader, info)),
          totalCount: () => loaders(context).runCountOfAgent(condition).load(id),
        };
      },
    }),
  );
}
