/** The agents' tools, as the Model Context Protocol tells of them. */
import type { McpServer } from '@modelcontextprotocol/server';
import type { AgentTool } from '../tools.ts';

export function addTools(server: McpServer, tools: readonly AgentTool[]): void {
  for (const { name, description, input, reads, destructive, call } of tools)
    server.registerTool(
      name,
      {
        description,
        inputSchema: input,
        annotations: reads
          ? { readOnlyHint: true, openWorldHint: false }
          : { readOnlyHint: false, destructiveHint: destructive, idempotentHint: false, openWorldHint: false },
      },
      (given) => call(given),
    );
}
