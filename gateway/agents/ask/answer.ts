/** One question from its first search to its answer. */
import { ASK } from '#gateway/bounds/ask.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { Principal } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { beginningOf } from '#subgraphs/shared/graphemes.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { SPENDING } from '#subgraphs/shared/scopes.ts';
import type { Calls } from '../calls.ts';
import type { AgentTool } from '../tools.ts';
import type { AskedRun } from './asked-run.ts';
import { extract } from './extractive.ts';
import { writeByModel, type Written } from './model-loop.ts';
import { SEARCH_TOOL, toolsFor } from './model-tools.ts';
import { Passages, SEARCH, type Citation, type Found } from './passages.ts';

/** What `ask` has written into the run. */
export interface Question {
  readonly question: string;
  readonly first: number;
  readonly where: unknown;
  /** Null where the caller does not mind. */
  readonly method: 'EXTRACTIVE' | 'MODEL' | null;
}

export interface AnswerOptions {
  readonly question: Question;
  readonly principal: Principal;
  readonly calls: Calls;
  /** The queries that the operator has listed, as tools. */
  readonly listed: readonly AgentTool[];
  readonly run: AskedRun;
  readonly embedder: Embedder | undefined;
  /** The name of the chat model, where it is known here. */
  readonly model: string | undefined;
  readonly bounds: BoundValues<typeof ASK>;
  /** Aborted when the time is up. */
  readonly time: AbortSignal;
}

/** As `Run.answer` tells it. */
export interface Answer extends Omit<Written, 'text'> {
  readonly text: string;
  readonly outcome: 'ANSWERED' | 'UNCITED' | 'NOTHING_FOUND' | 'LIMIT_REACHED';
  readonly method: 'EXTRACTIVE' | 'MODEL';
}

const NOTHING = 'No passage of the documents that you may read answers this.';

/** @throws CodedError what the stores or the model failed with; the reason of the run's end, where it was ended */
export async function answer(options: AnswerOptions): Promise<Answer> {
  const { question: asked, principal, calls, listed, run, bounds, time } = options;
  const { question, first, where, method } = asked;
  run.tell({ type: 'STEP_STARTED', payload: { stepName: SEARCH_TOOL } });
  const passages = new Passages();
  passages.add(
    (await calls.read(SEARCH, { query: beginningOf(question, ASK.queryCharacters), first, where })) as unknown as Found,
  );
  run.tell({ type: 'STEP_FINISHED', payload: { stepName: SEARCH_TOOL } });
  // Where nothing is found that could be cited, a model has nothing to go by but what it was trained on.
  const mayAsk = method !== 'EXTRACTIVE' && principal.scopes.includes(SPENDING);
  const tools = toolsFor({ calls, listed, passages, first, where });
  const isWorth = passages.all.length > 0 || tools.offered.length > 1;
  const written =
    mayAsk && isWorth
      ? await writeByModel({ question, calls, run, passages, tools, bounds, time }).catch((error: unknown) => {
          if (error instanceof CodedError && error.code === 'STORE_DISABLED') return undefined;
          throw error;
        })
      : undefined;
  if (written?.text !== undefined) {
    const { text, citations, limit } = written;
    tellCitations(run, citations);
    const outcome = limit !== null ? 'LIMIT_REACHED' : citations.length > 0 ? 'ANSWERED' : 'UNCITED';
    return { ...written, text, outcome, method: 'MODEL', model: options.model ?? null };
  }
  return await extracted(options, passages, written);
}

/** @param written what a model has spent that wrote nothing */
async function extracted(
  { question: { question }, principal, run, embedder }: AnswerOptions,
  passages: Passages,
  written: Written | undefined,
): Promise<Answer> {
  const { limit = null, steps = 0, inputTokens = 0, outputTokens = 0 } = written ?? {};
  const found = await extract(question, passages.all, { embedder, principal, signal: run.over });
  const text = found?.text ?? NOTHING;
  const citations = found?.citations ?? [];
  const messageId = `${run.id}_extract`;
  run.tell(
    { type: 'TEXT_MESSAGE_START', payload: { messageId, role: 'assistant' } },
    { type: 'TEXT_MESSAGE_CONTENT', payload: { messageId, delta: text } },
    { type: 'TEXT_MESSAGE_END', payload: { messageId } },
  );
  tellCitations(run, citations);
  const outcome = limit !== null ? 'LIMIT_REACHED' : found === undefined ? 'NOTHING_FOUND' : 'ANSWERED';
  return { text, outcome, citations, method: 'EXTRACTIVE', model: null, limit, steps, inputTokens, outputTokens };
}

const tellCitations = (run: AskedRun, citations: readonly Citation[]): void =>
  run.tell(...citations.map((value) => ({ type: 'CUSTOM', payload: { name: 'citation', value } })));
