/** The tools that agents see. Every word of a description costs each agent on each turn. */
import type { CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { SHARED } from '#subgraphs/shared/bounds.ts';

export interface ToolServices {
  /** Fields and types by keywords, as SDL. */
  search(keywords: string, limit: number): CallToolResult;
  /** Characters of a page: where none are asked for, and at the most. */
  readonly page: { readonly usual: number; readonly most: number };
  /** Runs one read-only operation as the caller, and answers with one page of its result. `own`: the tool's, not the caller's. */
  query(
    parameters: { query: string; variables?: unknown; operationName?: string; own?: boolean },
    page?: Page,
  ): Promise<CallToolResult>;
}

/** A part of a text, in characters. */
export interface Page {
  readonly offset: number;
  readonly limit: number;
}

const READ_ONLY = { readOnlyHint: true, openWorldHint: false } as const;

const RUN_EVENTS = `query RunEvents($runId: ID!, $after: String, $first: Int) {
  run(id: $runId) {
    id status lastSequence
    events(after: $after, first: $first) { edges { node { sequence type createdAt payload } } pageInfo { hasNextPage endCursor } }
  }
}`;

export function addTools(server: McpServer, { search, page, query }: ToolServices): void {
  server.registerTool(
    'search_schema',
    {
      description: 'Find GraphQL fields and types by keywords. Returns SDL.',
      inputSchema: z.object({
        query: z.string().min(1).max(AGENTS.queryCharacters).describe('Keywords, such as "documents similar chunks".'),
        limit: z
          .number()
          .int()
          .min(1)
          .max(AGENTS.mostResults)
          .default(AGENTS.results)
          .describe('Most fields and types to return.'),
      }),
      annotations: READ_ONLY,
    },
    ({ query: keywords, limit }) => search(keywords, limit),
  );
  server.registerTool(
    'execute',
    {
      description: 'Run a GraphQL query (read only). Returns JSON with data and errors, in pages where it is long.',
      inputSchema: z.object({
        query: z.string().describe('The operation; put values into variables.'),
        // Models write them as JSON text, empty text or null, too.
        variables: z.union([z.record(z.string(), z.unknown()), z.string(), z.null()]).optional(),
        operationName: z.string().nullish().describe('Which operation, when there are several.'),
        offset: z.number().int().min(0).nullish().describe('Continue a long answer from this character.'),
        limit: z
          .number()
          .int()
          .min(AGENTS.smallestPage)
          .max(page.most)
          .nullish()
          .describe(`Most characters. Default: ${page.usual}`),
      }),
      annotations: READ_ONLY,
    },
    ({ query: text, variables, operationName, offset, limit }) =>
      query(
        { query: text, variables, ...(operationName ? { operationName } : {}) },
        { offset: offset ?? 0, limit: limit ?? page.usual },
      ),
  );
  server.registerTool(
    'run_events',
    {
      description: "Read an agent run's event log. Call again with `after` = endCursor to follow it.",
      inputSchema: z.object({
        runId: z.string(),
        after: z.string().nullish().describe('Cursor: sequence number of the last event seen.'),
        first: z.number().int().min(0).max(SHARED.pageMost).nullish().describe(`Default: ${AGENTS.runEvents}`),
      }),
      annotations: READ_ONLY,
    },
    ({ runId, after, first }) =>
      query({ own: true, query: RUN_EVENTS, variables: { runId, after, first: first ?? AGENTS.runEvents } }),
  );
}
