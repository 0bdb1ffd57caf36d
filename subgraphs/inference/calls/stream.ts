/**
 * A streamed answer as the API's deltas: exactly one last delta, with the usage; ending it early ends the model's work.
 */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { storeTimeout } from '#subgraphs/shared/errors.ts';
import type { ChatDriver, ChatRequest, FinishReason, TokenCount, ToolCall } from '../driver.ts';
import type { BegunCall } from '../spending/spending.ts';
import { charactersOf, charactersOfCalls, usageOf } from './usage.ts';
import type { GenerationUsage } from './results.ts';

export interface GenerationDelta {
  delta: string;
  reasoning: string | null;
  done: boolean;
  /** Null in all pieces but the last. */
  toolCalls: readonly ToolCall[] | null;
  finishReason: FinishReason | null;
  usage: GenerationUsage | null;
}

/**
 * Starts the generation on the first `next()`. `return()` aborts the request to the model at once, even while a
 * `next()` is waiting. What was generated until then is recorded: it was paid for.
 */
export function streamGeneration(
  chat: ChatDriver,
  call: BegunCall,
  context: RequestContext,
  request: ChatRequest,
): AsyncIterableIterator<GenerationDelta> {
  const ended = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, ended.signal]) : ended.signal;
  const deltas = generate();
  let asked = false;
  return {
    next: () => deltas.next(),
    return: () => {
      ended.abort();
      // A generator that was never begun does not end either.
      if (!asked) void call.nothing();
      asked = true;
      return deltas.return(undefined);
    },
    throw: (error) => {
      ended.abort();
      return deltas.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };

  async function* generate(): AsyncGenerator<GenerationDelta, undefined> {
    let finishReason: FinishReason | null = null;
    let counted: TokenCount | undefined;
    let toolCalls: readonly ToolCall[] = [];
    let characters = 0;
    /** As long as the answer, which a call bounds. */
    const texts: string[] = [];
    const inputCharacters = charactersOf(request);
    let begun = false;
    let failure: unknown;
    asked = true;
    try {
      for await (const piece of chat.stream({ statements: context.statements, signal }, request)) {
        begun = true;
        characters += piece.text.length + piece.reasoning.length;
        texts.push(piece.text);
        finishReason = piece.finishReason ?? finishReason;
        counted = piece.usage ?? counted;
        if (piece.toolCalls !== undefined) {
          toolCalls = piece.toolCalls;
          characters += charactersOfCalls(toolCalls);
        }
        const reasoning = piece.reasoning === '' ? null : piece.reasoning;
        if (piece.text !== '' || reasoning !== null)
          yield { delta: piece.text, reasoning, done: false, toolCalls: null, finishReason: null, usage: null };
      }
      yield {
        delta: '',
        reasoning: null,
        done: true,
        toolCalls,
        finishReason: finishReason ?? 'OTHER',
        usage: usageOf(counted, inputCharacters, characters),
      };
      return undefined;
    } catch (error) {
      failure = error;
      // Ended by the reader: nobody is left to be told.
      if (ended.signal.aborted) return undefined;
      throw error;
    } finally {
      if (begun) {
        await call.took({
          operation: 'GENERATE',
          provider: chat.provider,
          model: chat.model!,
          counted,
          input: () => inputCharacters,
          output: () => characters,
          finishReason: finishReason ?? undefined,
          text: () => texts.join(''),
        });
      } else if (ended.signal.aborted) await call.failed(storeTimeout('The model', failure));
      else await call.failed(failure);
    }
  }
}
