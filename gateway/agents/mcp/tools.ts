/** The tools that agents see. Every word of a description costs each agent on each turn. */
import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { SHARED } from '#subgraphs/shared/bounds.ts';
import type { Calls, OperationParameters, Page } from './calls.ts';

const READS = { readOnlyHint: true, openWorldHint: false } as const;
const CHANGES = { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false } as const;

const SEARCH = `query Search($query: String!, $first: Int!, $after: String, $where: SearchFilter) {
  search(query: $query, first: $first, after: $after, where: $where) {
    edges { score node { id text document { id title source } } } pageInfo { hasNextPage endCursor }
  }
}`;

const RUN_EVENTS = `query RunEvents($runId: ID!, $after: String, $first: Int) {
  run(id: $runId) {
    id status lastSequence
    events(after: $after, first: $first) { edges { node { sequence type createdAt payload } } pageInfo { hasNextPage endCursor } }
  }
}`;

const OPERATION = {
  query: z.string().describe('The operation; put values into variables.'),
  // Models write them as JSON text, empty text or null, too.
  variables: z.union([z.record(z.string(), z.unknown()), z.string(), z.null()]).optional(),
  operationName: z.string().nullish().describe('Which operation, when there are several.'),
};

/** @param mutates whether there is a tool that sends mutations */
export function addTools(server: McpServer, calls: Calls, { mutates }: { readonly mutates: boolean }): void {
  const { usual, most } = calls.page;
  const pages = {
    offset: z.number().int().min(0).nullish().describe('Continue a long answer from this character.'),
    limit: z.number().int().min(AGENTS.smallestPage).max(most).nullish().describe(`Most characters. Default: ${usual}`),
  };
  const pageOf = ({ offset, limit }: { offset?: number | null; limit?: number | null }): Page => ({
    offset: offset ?? 0,
    limit: limit ?? usual,
  });
  server.registerTool(
    'search_schema',
    {
      description: 'Find GraphQL fields and types by words or a question. Returns SDL and an example.',
      inputSchema: z.object({
        query: z.string().min(1).max(AGENTS.queryCharacters).describe('Such as "documents similar to this one".'),
        limit: z
          .number()
          .int()
          .min(1)
          .max(AGENTS.mostResults)
          .default(AGENTS.results)
          .describe('Most fields and types to return.'),
      }),
      annotations: READS,
    },
    ({ query, limit }) => calls.search(query, limit),
  );
  server.registerTool(
    'describe',
    {
      description: 'Show a GraphQL type, field or root field whole. Returns SDL.',
      inputSchema: z.object({
        name: z
          .string()
          .min(1)
          .max(AGENTS.queryCharacters)
          .describe('`DocumentFilter`, `Document.similar` or `documents`.'),
        ...pages,
      }),
      annotations: READS,
    },
    ({ name, ...page }) => calls.describe(name, pageOf(page)),
  );
  server.registerTool(
    'validate',
    {
      description: 'Check a GraphQL operation without running it. Returns its type and cost, or errors.',
      inputSchema: z.object(OPERATION),
      annotations: READS,
    },
    (given) => calls.validate(operationOf(given)),
  );
  server.registerTool(
    'execute',
    {
      description: 'Run a GraphQL query (read only). Returns JSON with data and errors, in pages where it is long.',
      inputSchema: z.object({ ...OPERATION, ...pages }),
      annotations: READS,
    },
    (given) => calls.run(operationOf(given), { page: pageOf(given) }),
  );
  if (mutates)
    server.registerTool(
      'mutate',
      {
        description: 'Run a GraphQL mutation. It changes what is stored.',
        inputSchema: z.object({ ...OPERATION, ...pages }),
        annotations: CHANGES,
      },
      (given) => calls.run(operationOf(given), { page: pageOf(given), type: 'mutation' }),
    );
  if (calls.fits(SEARCH))
    server.registerTool(
      'search',
      {
        description: 'Find the passages of documents that answer a question best.',
        inputSchema: z.object({
          query: z.string().min(1).describe('Words or a question.'),
          first: z.number().int().min(1).max(SHARED.pageMost).nullish().describe(`Default: ${AGENTS.passages}`),
          after: z.string().nullish().describe('endCursor of the page before.'),
          collection: z.string().nullish().describe('Only documents of this collection.'),
        }),
        annotations: READS,
      },
      ({ query, first, after, collection }) =>
        calls.run(
          {
            query: SEARCH,
            variables: {
              query,
              first: first ?? AGENTS.passages,
              after,
              where: collection ? { collection: { eq: collection } } : null,
            },
          },
          { own: true },
        ),
    );
  if (calls.fits(RUN_EVENTS))
    server.registerTool(
      'run_events',
      {
        description: "Read an agent run's event log. Call again with `after` = endCursor to follow it.",
        inputSchema: z.object({
          runId: z.string(),
          after: z.string().nullish().describe('Cursor: sequence number of the last event seen.'),
          first: z.number().int().min(0).max(SHARED.pageMost).nullish().describe(`Default: ${AGENTS.runEvents}`),
        }),
        annotations: READS,
      },
      ({ runId, after, first }) =>
        calls.run({ query: RUN_EVENTS, variables: { runId, after, first: first ?? AGENTS.runEvents } }, { own: true }),
    );
}

const operationOf = ({
  query,
  variables,
  operationName,
}: {
  query: string;
  variables?: unknown;
  operationName?: string | null | undefined;
}): OperationParameters => ({ query, variables, ...(operationName ? { operationName } : {}) });
