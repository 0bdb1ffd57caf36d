/** The runs subgraph's schema: runs, their logs read as a list and as a stream, and what writes them. */
import type { GraphQLSchema } from 'graphql';
import { createSubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { RunsDriver } from '../driver.ts';
import { createLoaders } from '../loaders.ts';
import { addEventTypes } from './events.ts';
import { addMutations } from './mutations.ts';
import { addQueries } from './queries.ts';
import { addRunType, type RunReference } from './run.ts';
import { addWorkerMutations } from './workers.ts';
import { addSubscriptions } from './subscriptions.ts';
import type { StreamHub } from '../streams/stream-hub.ts';
import type { WebhookPolicy } from '../dispatch/webhook-addresses.ts';
import type { Workflows } from '../dispatch/workflows.ts';

export interface RunsSchemaDeps {
  readonly driver: RunsDriver;
  readonly hub: StreamHub;
  /** Dispatch to webhooks; undefined where it is off. */
  readonly dispatch?: { readonly policy: WebhookPolicy; readonly dispatcher: Pick<Dispatcher, 'nudge'> };
  /** Dispatch to Temporal; undefined where it is off. */
  readonly workflows?: Pick<Workflows, 'nudge'>;
}

/** Builds the schema; `deps` is read only when operations run. */
export function buildSchema(deps: RunsSchemaDeps): GraphQLSchema {
  const schema = createSubgraphSchema({ query: true, mutation: true, subscription: true });
  const loaders = createLoaders(() => deps.driver);
  const run = schema.builder.objectRef<RunReference>('Run');
  const events = addEventTypes(schema, run, deps);
  const { RunStatus } = addRunType(schema, run, events, loaders);
  addQueries(schema, deps, run, RunStatus, loaders);
  addMutations(schema, deps, run, events);
  addWorkerMutations(schema, deps, run);
  addSubscriptions(schema, deps, events);
  return schema.build();
}

export type Loaders = ReturnType<typeof createLoaders>;
