/**
 * What people find at a server of ours: GraphiQL's tabs (the operations that the tests hold the API to, with variables
 * that suit the first-run data), and in development mode the example pages.
 */
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { GraphiqlOptions } from '#gateway/http/graphiql.ts';
import { entityId, documentId } from '#subgraphs/shared/ids.ts';

const tenant = DEVELOPER.tenantId;

export const GRAPHIQL_EXAMPLES: GraphiqlOptions = {
  examples: new URL('../../tests/contract/operations.graphql', import.meta.url),
  variables: {
    Research: { question: 'retry with backoff' },
    FromGraph: { name: 'graphql-yoga' },
    Path: { from: entityId(tenant, 'package', 'graphql-yoga'), to: entityId(tenant, 'package', 'tslib') },
    Documents: { after: null },
    Generate: { prompt: 'What is a query plan?' },
    GenerateStream: { prompt: 'What is a query plan?' },
    StartRun: { agentId: 'agt_…' },
    Append: { runId: 'run_…' },
    Finish: { runId: 'run_…' },
    Cancel: { runId: 'run_…' },
    Follow: { runId: 'run_…', after: null },
    Events: { runId: 'run_…', after: null },
    Deferred: { id: documentId(tenant, 'notes/field.md') },
  },
};

/** Where the run viewer is, in development mode. */
export const RUN_VIEWER_PATH = '/examples/run-viewer';

export const EXAMPLE_PAGES: Readonly<Record<string, URL>> = {
  [RUN_VIEWER_PATH]: new URL('../../examples/run-viewer/index.html', import.meta.url),
};
