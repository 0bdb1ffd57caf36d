/** The agents' tools and prompts, as the Model Context Protocol tells of them. */
import type { McpServer, StandardSchemaWithJSON, ToolExecution } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { parametersOf } from '../arguments-of.ts';
import type { JsonSchema } from '../output-schemas.ts';
import type { AgentTool } from '../tools.ts';
import { viewOf } from './apps.ts';

/** @param executionOf how calls of a tool may be made, where there is more than one way */
export function addTools(
  server: McpServer,
  tools: readonly AgentTool[],
  executionOf: (name: string) => ToolExecution | undefined,
): void {
  const names = new Set(tools.map(({ name }) => name));
  for (const { name, description, input, output, reads, destructive, call } of tools) {
    const view = viewOf(name, names);
    const registered = server.registerTool(
      name,
      {
        description,
        inputSchema: asked(input),
        outputSchema: told(output),
        ...(view === undefined ? {} : { _meta: view }),
        annotations: reads
          ? { readOnlyHint: true, openWorldHint: false }
          : { readOnlyHint: false, destructiveHint: destructive, idempotentHint: false, openWorldHint: false },
      },
      (given) => call(given),
    );
    const execution = executionOf(name);
    if (execution !== undefined) registered.execution = execution;
  }
}

/** What is checked as it is, and told as function calling tells it. */
const asked = (input: AgentTool['input']): StandardSchemaWithJSON<Record<string, unknown>> => {
  const schema = parametersOf(input);
  return {
    '~standard': {
      version: 1,
      vendor: 'tributary',
      validate: (value) => input['~standard'].validate(value),
      jsonSchema: { input: () => ({ ...schema }), output: () => ({ ...schema }) },
    },
  };
};

/** A schema that is told and not checked again with each answer: an answer that did not fit would be no answer at all. */
const told = (schema: JsonSchema): StandardSchemaWithJSON => ({
  '~standard': {
    version: 1,
    vendor: 'tributary',
    validate: (value) => ({ value }),
    jsonSchema: { input: () => ({ ...schema }), output: () => ({ ...schema }) },
  },
});

/** The operations among them as prompts, for hosts whose users choose one: what is asked for is that the tool be called. */
export function addPrompts(server: McpServer, tools: readonly AgentTool[]): void {
  for (const { name, description, input } of tools)
    server.registerPrompt(
      name,
      {
        description,
        // Arguments of prompts are texts.
        argsSchema: z.object(Object.fromEntries(Object.keys(input.shape).map((key) => [key, z.string().optional()]))),
      },
      (given) => ({
        messages: [
          {
            role: 'user',
            content: {
              type: 'text',
              text: `Call the tool \`${name}\` with ${JSON.stringify(given)}, and answer from what it gives.`,
            },
          },
        ],
      }),
    );
}
