/** What the chat model may call while it answers a question: the search, and the queries that the operator has listed. All only read. */
import { z } from 'zod';
import { ASK } from '#gateway/bounds/ask.ts';
import { beginningOf } from '#subgraphs/shared/graphemes.ts';
import { argumentsOf, parametersOf } from '../arguments-of.ts';
import type { Calls } from '../calls.ts';
import { toldIssues } from '../told-issues.ts';
import type { AgentTool } from '../tools.ts';
import { SEARCH, type Found, type Passage, type Passages } from './passages.ts';

export const SEARCH_TOOL = 'search';

const searchArguments = argumentsOf({
  query: z.string().min(1).max(ASK.queryCharacters).describe('Words or a question.'),
});

/** What a call came to. */
export interface ToolResult {
  /** What the model reads. */
  readonly content: string;
  /** What is kept of it in the run's log: of listed operations no data, which may be of the caller alone. */
  readonly told: unknown;
}

export interface Tools {
  /** As the chat model is offered them. */
  readonly offered: readonly { readonly name: string; readonly description: string; readonly parameters: object }[];
  /** Never rejects for what the model wrote. */
  call(name: string, written: string): Promise<ToolResult>;
}

export function toolsFor(options: {
  readonly calls: Calls;
  readonly listed: readonly AgentTool[];
  readonly passages: Passages;
  readonly first: number;
  readonly where: unknown;
}): Tools {
  const { calls, listed, passages, first, where } = options;
  const search = async (given: unknown): Promise<ToolResult> => {
    const { query } = given as z.output<typeof searchArguments>;
    const found = passages.add((await calls.read(SEARCH, { query, first, where })) as unknown as Found);
    return {
      content: shown(found),
      told: found.map(({ number, documentId, chunkId, title, score }) => ({
        number,
        documentId,
        chunkId,
        title: title === null ? null : beginningOf(title, ASK.toldCharacters),
        score,
      })),
    };
  };
  const operation = async (tool: AgentTool, given: Record<string, unknown>): Promise<ToolResult> => {
    const { content, isError } = await tool.call(given);
    const text = content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
    const cut = beginningOf(text, ASK.resultCharacters);
    return {
      content: cut.length < text.length ? `${cut}\n(The rest is left out: ask for less.)` : cut,
      told: { characters: text.length, isError: isError === true },
    };
  };
  const read = listed.filter(({ name, reads }) => reads && name !== SEARCH_TOOL);
  return {
    offered: [
      {
        name: SEARCH_TOOL,
        description: 'Find further passages of documents. Each has a number, by which it is cited.',
        parameters: parametersOf(searchArguments),
      },
      ...read.map(({ name, description, input }) => ({ name, description, parameters: parametersOf(input) })),
    ],
    async call(name, written) {
      const tool = read.find((each) => each.name === name);
      if (name !== SEARCH_TOOL && tool === undefined)
        return refused(`There is no tool called ${storable(name, ASK.toldCharacters)}.`);
      let given: unknown;
      try {
        given = written.trim() === '' ? {} : JSON.parse(written);
      } catch {
        return refused('The arguments are no JSON.');
      }
      const parsed = (tool?.input ?? searchArguments).safeParse(given);
      if (!parsed.success) return refused(`These are no arguments of it: ${toldIssues(parsed.error.issues)}`);
      return tool === undefined ? await search(parsed.data) : await operation(tool, parsed.data);
    },
  };
}

/** What a log can hold of what a model wrote: no store of texts has NUL, or half a surrogate pair. */
export const storable = (text: string, most: number): string => beginningOf(text.replaceAll(/[\0\p{Cs}]/gu, ''), most);

const refused = (why: string): ToolResult => ({ content: why, told: { error: why } });

/** Passages as the model reads them. What they say is marked as what it is: data. */
export const shown = (passages: readonly Passage[]): string =>
  passages.length === 0
    ? 'No passage was found.'
    : passages
        .map(({ number, title, source, text }) =>
          JSON.stringify({ passage: number, title: title ?? undefined, source: source ?? undefined, text }),
        )
        .join('\n');
