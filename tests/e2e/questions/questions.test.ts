/** What it takes an agent that has the MCP endpoint alone to answer twenty questions: calls, and characters read. */
import { readFile } from 'node:fs/promises';
import { Kind, parse, visit } from 'graphql';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mcpClient } from '#tests/clients/setup/mcp.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { makeHarbour, type Harbour } from './data.ts';
import { QUESTIONS, type Question } from './questions.ts';

let it: TestServer;
let client: Client;
let harbour: Harbour;
/** What is read before any question: how lists are read and filtered. */
let instructions: string;
beforeAll(async () => {
  it = await startTestServer({ AGENT_CAPABILITIES: 'read,write:memory,run:start' });
  client = await mcpClient(it.url);
  harbour = await makeHarbour(it);
  instructions = client.getInstructions() ?? '';
}, 120_000);
afterAll(async () => {
  await client?.close();
  await it?.[Symbol.asyncDispose]();
});

interface Taken {
  readonly question: Question;
  readonly calls: number;
  readonly characters: number;
}
const taken: Taken[] = [];

/** Names in a query that nobody could have written who had read no more than this. */
function unread(query: string, read: string): string[] {
  const known = new Set(read.match(/[A-Za-z_]\w*/g));
  const found: string[] = [];
  const note = ({ name: { value } }: { readonly name: { readonly value: string } }): void => void found.push(value);
  visit(parse(query), {
    [Kind.FIELD]: note,
    [Kind.ARGUMENT]: note,
    [Kind.OBJECT_FIELD]: note,
    [Kind.ENUM]: ({ value }) => void found.push(value),
  });
  return found.filter((name) => !known.has(name));
}

describe('twenty questions over several stores', () => {
  test.each(QUESTIONS)('$question', async (question) => {
    let read = '';
    let calls = 0;
    let last: unknown;
    for (const { tool, given } of question.steps(harbour)) {
      if (tool === 'execute') expect(unread(given['query'] as string, `${instructions} ${read}`), read).toEqual([]);
      const result = await client.callTool({ name: tool, arguments: given });
      const texts = result.content.map((each) => (each.type === 'text' ? each.text : ''));
      expect(result.isError ?? false, texts.join('\n')).toBe(false);
      read += texts.join('\n');
      calls += 1;
      last = result.structuredContent;
    }
    await question.holds(last as never, harbour);
    taken.push({ question, calls, characters: read.length });
  });

  // What is aimed at; and the table of docs/agents.md, to a tenth, since each description that changes changes it.
  test('take two calls and 10,000 characters at the most, and what the documentation says', async () => {
    expect(taken.map(({ question }) => question.question)).toEqual(QUESTIONS.map(({ question }) => question));
    const documentation = await readFile('docs/agents.md', 'utf8');
    const rows = taken.map(({ question: { question, stores }, calls, characters }) => `| ${question} | ${stores} | ${calls} | ${(Math.ceil(characters / 100) * 100).toLocaleString('en')} |`); // prettier-ignore
    for (const [at, { question, calls, characters }] of taken.entries()) {
      expect(calls, question.question).toBeLessThanOrEqual(2);
      expect(characters, question.question).toBeLessThanOrEqual(10_000);
      const start = rows[at]!.slice(0, rows[at]!.lastIndexOf('|', rows[at]!.length - 2) + 1);
      const row = documentation.split('\n').find((line) => line.startsWith(start));
      const told = Number(row?.slice(start.length, -1).replaceAll(',', ''));
      expect(Math.abs(told - characters), `docs/agents.md should have:\n${rows.join('\n')}`).toBeLessThanOrEqual(Math.max(characters / 10, 200)); // prettier-ignore
    }
  });
});
