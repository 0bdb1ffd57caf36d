/** The runs subgraph's schema: runs, their logs read as a list and as a stream, and what writes them. */
import type { GraphQLSchema } from 'graphql';
import { createSubgraphSchema } from '#subgraphs/shared/builder.ts';
import { createLoaders } from '../loaders.ts';
import type { RunsSchemaDeps } from './deps.ts';
import { addAgentRuns } from './agent.ts';
import { addAnswerType } from './answer.ts';
import { addAsk } from './ask.ts';
import { addEventAggregates } from './event-aggregates.ts';
import { addEventTypes } from './events.ts';
import { addRunListInputs } from './lists.ts';
import { addMutations } from './mutations.ts';
import { addQueries } from './queries.ts';
import { addRunType } from './run.ts';
import type { RunReference } from './run-reference.ts';
import { addWorkerMutations } from './workers.ts';
import { addSubscriptions } from './subscriptions.ts';

/** Builds the schema; `deps` is read only when operations run. */
export function buildSchema(deps: RunsSchemaDeps): GraphQLSchema {
  const schema = createSubgraphSchema({ query: true, mutation: true, subscription: true });
  const loaders = createLoaders(() => deps.driver);
  const run = schema.builder.objectRef<RunReference>('Run');
  const events = addEventTypes(schema, run, deps);
  const answers = addAnswerType(schema);
  const { RunStatus, Agent } = addRunType(schema, run, { ...events, ...answers }, loaders);
  const inputs = addRunListInputs(schema, RunStatus);
  addQueries(schema, deps, run, inputs, loaders, RunStatus);
  addEventAggregates(schema, deps, events);
  addAgentRuns(schema, Agent, run, inputs, loaders);
  addMutations(schema, deps, run, events);
  addAsk(schema, deps, run, answers);
  addWorkerMutations(schema, deps, run);
  addSubscriptions(schema, deps, events);
  return schema.build();
}
