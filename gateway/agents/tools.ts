/** The tools that agents see. Every word of a description costs each agent on each turn. */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { SchemaSearch } from './schema-search.ts';

export interface ToolServices {
  search(): SchemaSearch;
  /** Runs one read-only operation as the caller, and answers with one page of its result. */
  query(
    parameters: { query: string; variables?: unknown; operationName?: string },
    page?: Partial<Page>,
  ): Promise<CallToolResult>;
}

/** A part of a text, in characters. */
export interface Page {
  readonly offset: number;
  readonly limit: number;
}
/** What an agent's context takes of one answer: some 10,000 tokens. */
export const PAGE: Page & { readonly most: number } = { offset: 0, limit: 40_000, most: 200_000 };

const READ_ONLY = { readOnlyHint: true, openWorldHint: false } as const;

const RUN_EVENTS = `query RunEvents($runId: ID!, $after: String, $first: Int) {
  run(id: $runId) {
    id status lastSequence
    events(after: $after, first: $first) { edges { node { sequence type createdAt payload } } pageInfo { hasNextPage endCursor } }
  }
}`;

export function addTools(server: McpServer, { search, query }: ToolServices): void {
  server.registerTool(
    'search_schema',
    {
      description: 'Find GraphQL fields and types by keywords. Returns SDL.',
      inputSchema: {
        query: z.string().min(1).max(500).describe('Keywords, such as "documents similar chunks".'),
        limit: z.number().int().min(1).max(50).default(12).describe('Most fields and types to return.'),
      },
      annotations: READ_ONLY,
    },
    ({ query: keywords, limit }) => ({ content: [{ type: 'text', text: search().search(keywords, limit) }] }),
  );
  server.registerTool(
    'execute',
    {
      description: 'Run a GraphQL query (read only). Returns JSON with data and errors, in pages where it is long.',
      inputSchema: {
        query: z.string().describe('The operation; put values into variables.'),
        // Models write them as JSON text, empty text or null, too.
        variables: z.union([z.record(z.string(), z.unknown()), z.string(), z.null()]).optional(),
        operationName: z.string().nullish().describe('Which operation, when there are several.'),
        offset: z.number().int().min(0).nullish().describe('Continue a long answer from this character.'),
        limit: z.number().int().min(1_000).max(PAGE.most).nullish().describe(`Most characters. Default: ${PAGE.limit}`),
      },
      annotations: READ_ONLY,
    },
    ({ query: text, variables, operationName, offset, limit }) =>
      query(
        { query: text, variables, ...(operationName ? { operationName } : {}) },
        { offset: offset ?? PAGE.offset, limit: limit ?? PAGE.limit },
      ),
  );
  server.registerTool(
    'run_events',
    {
      description: 'Read an agent run’s event log. Call again with `after` = endCursor to follow it.',
      inputSchema: {
        runId: z.string(),
        after: z.string().nullish().describe('Cursor: sequence number of the last event seen.'),
        first: z.number().int().min(0).max(200).nullish().describe('Default: 50'),
      },
      annotations: READ_ONLY,
    },
    ({ runId, after, first }) => query({ query: RUN_EVENTS, variables: { runId, after, first: first ?? 50 } }),
  );
}
