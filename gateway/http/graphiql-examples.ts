/**
 * What GraphiQL opens with: the operations that the tests hold the API to, with variables that suit the first-run data.
 */
import type { GraphiqlOptions } from './graphiql.ts';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { entityId, documentId } from '#subgraphs/shared/ids.ts';

const tenant = DEVELOPER.tenantId;

export const EXAMPLES: GraphiqlOptions = {
  examples: new URL('../../tests/contract/operations.graphql', import.meta.url),
  headers: {},
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
