/** The tools that agents see. Every word of a description costs each agent on each turn. */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { SchemaSearch } from './schema-search.ts';

export interface ToolServices {
  search(): SchemaSearch;
  /** Runs one read-only operation as the caller. */
  query(parameters: {
    query: string;
    variables?: Record<string, unknown>;
    operationName?: string;
  }): Promise<CallToolResult>;
}

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
      description: 'Run a GraphQL query (read only). Returns JSON with data and errors.',
      inputSchema: {
        query: z.string().describe('The operation; put values into variables.'),
        variables: z.record(z.string(), z.unknown()).optional(),
        operationName: z.string().optional().describe('Which operation, when there are several.'),
      },
      annotations: READ_ONLY,
    },
    (parameters) => query(parameters),
  );
  server.registerTool(
    'run_events',
    {
      description: 'Read an agent run’s event log. Call again with `after` = endCursor to follow it.',
      inputSchema: {
        runId: z.string(),
        after: z.string().optional().describe('Cursor: sequence number of the last event seen.'),
        first: z.number().int().min(0).max(200).default(50),
      },
      annotations: READ_ONLY,
    },
    ({ runId, after, first }) => query({ query: RUN_EVENTS, variables: { runId, after, first } }),
  );
}
