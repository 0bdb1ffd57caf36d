/** Records what models were paid for, without ever standing in the way of the answer. */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Usage, UsageSink } from '#subgraphs/shared/ports.ts';
import type { ChatRequest, TokenCount, ToolCall } from '../driver.ts';
import type { GenerationUsage } from './results.ts';

/** Takes note of a call that is over. Returns at once; a record that cannot be written is logged. */
export type RecordUsage = (
  context: RequestContext,
  call: {
    operation: Usage['operation'];
    provider: string;
    model: string;
    counted: TokenCount | undefined;
    input: () => number;
    output: () => number;
  },
) => void;

/**
 * @param sink where records go; without one nothing is recorded
 * @param log receives what went wrong
 */
export function createUsageRecorder(
  sink: UsageSink | undefined,
  log: (message: string, error: unknown) => void,
): RecordUsage {
  return (context, call) => {
    if (!sink) return;
    const { operation, provider, model } = call;
    const usage: Usage = {
      operation,
      provider,
      model,
      ...tokensOf(call),
    };
    // Tokens of a request that was ended are spent all the same: the record must not end with it.
    const { principal, requestId, statements } = context;
    const lasting = createRequestContext(principal, { requestId, statements });
    // A sink may throw as well as reject.
    Promise.resolve()
      .then(() => sink.record(lasting, usage))
      .catch((error: unknown) => log('A usage record could not be written.', error));
  };
}

/**
 * Tokens of a text of so many characters where the provider counted none: four characters a token, the usual figure for
 * English.
 */
export const estimateTokens = (characters: number): number => Math.ceil(characters / 4);

/** The provider's count, or an estimate that says that it is one. */
export function usageOf(
  counted: TokenCount | undefined,
  inputCharacters: number,
  outputCharacters: number,
): GenerationUsage {
  if (counted) return { ...counted, estimated: false };
  return {
    inputTokens: estimateTokens(inputCharacters),
    outputTokens: estimateTokens(outputCharacters),
    estimated: true,
  };
}

/** {@link usageOf} of a call that is over: what the provider counted is not counted again. */
export const tokensOf = ({ counted, input, output }: Parameters<RecordUsage>[1]): GenerationUsage =>
  counted ? usageOf(counted, 0, 0) : usageOf(undefined, input(), output());

/** The characters of calls that a model wants made. */
export const charactersOfCalls = (calls: readonly ToolCall[] | null | undefined): number =>
  (calls ?? []).reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);

/** The characters that a chat request sends. */
export const charactersOf = ({ messages, tools }: Pick<ChatRequest, 'messages' | 'tools'>): number =>
  messages.reduce(
    (sum, { content, toolCalls }) => sum + content.length + charactersOfCalls(toolCalls),
    tools === undefined || tools.length === 0 ? 0 : JSON.stringify(tools).length,
  );
