/** Chat completions of an OpenAI-compatible server, whole and streamed. Nothing is sent twice. */
import type OpenAI from 'openai';
import { CodedError, storeUnavailable } from '#subgraphs/shared/errors.ts';
import type {
  ChatAnswer,
  ChatDelta,
  ChatDriver,
  ChatRequest,
  FinishReason,
  InferenceCall,
  TokenCount,
} from '../../driver.ts';
import type { OpenAIServer } from './index.ts';

/** @param model the model's name on the server */
export function createOpenAIChat(server: OpenAIServer, model: string): ChatDriver {
  return new OpenAIChat(server, model);
}

type Body = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'stream'>;
type TokensParameter = 'max_tokens' | 'max_completion_tokens';

class OpenAIChat implements ChatDriver {
  readonly provider: string;
  readonly model: string;
  readonly #server: OpenAIServer;
  readonly #asked: { model: string; modelVariable: string };
  /** `max_tokens` is what compatible servers know; OpenAI's newer models refuse it. */
  #tokensParameter: TokensParameter = 'max_tokens';

  constructor(server: OpenAIServer, model: string) {
    this.#server = server;
    this.provider = server.provider;
    this.model = model;
    this.#asked = { model, modelVariable: 'CHAT_MODEL' };
  }

  async generate(call: InferenceCall, request: ChatRequest): Promise<ChatAnswer> {
    const answer = await this.#server.ask(call, this.#asked, (client, options) =>
      this.#withTokensParameter((parameter) =>
        client.chat.completions.create({ ...this.#body(request, parameter), stream: false }, options),
      ),
    );
    const choice = answer.choices?.[0];
    if (!choice)
      throw storeUnavailable(
        'The chat model',
        new Error('The answer has no choice.'),
        'Check that CHAT_MODEL names a chat model.',
      );
    return {
      text: choice.message?.content ?? '',
      model: answer.model ?? this.model,
      finishReason: finishReasonOf(choice.finish_reason),
      usage: tokenCount(answer.usage),
    };
  }

  async *stream(call: InferenceCall, request: ChatRequest): AsyncGenerator<ChatDelta> {
    const asked = { ...this.#asked, stream: true };
    const chunks = await this.#server.ask(call, asked, (client, options) =>
      this.#withTokensParameter((parameter) =>
        client.chat.completions.create(
          { ...this.#body(request, parameter), stream: true, stream_options: { include_usage: true } },
          options,
        ),
      ),
    );
    let finished = false;
    try {
      for await (const chunk of chunks) {
        // The last chunk has the usage and no choice.
        const choice = chunk.choices?.[0];
        const finishReason = choice?.finish_reason ? finishReasonOf(choice.finish_reason) : undefined;
        finished ||= finishReason !== undefined;
        const usage = tokenCount(chunk.usage);
        yield { text: choice?.delta?.content ?? '', ...(finishReason && { finishReason }), ...(usage && { usage }) };
      }
    } catch (error) {
      throw this.#server.error(error, call, asked);
    } finally {
      chunks.controller.abort(); // Does nothing where the answer is complete.
    }
    // The library takes the end of the connection for the end of the answer, and an abort too.
    if (!finished) {
      if (call.signal?.aborted) throw this.#server.error(call.signal.reason, call, asked);
      throw new CodedError('STORE_UNAVAILABLE', 'The model server cut the answer off.', {
        hint: 'Check the server at OPENAI_BASE_URL.',
      });
    }
  }

  #body({ messages, maxTokens, temperature, stop }: ChatRequest, parameter: TokensParameter): Body {
    return {
      model: this.model,
      messages: messages.map(({ role, content }) => ({
        role: role.toLowerCase() as 'system' | 'user' | 'assistant',
        content,
      })),
      [parameter]: maxTokens,
      ...(temperature === undefined ? {} : { temperature }),
      ...(stop ? { stop: [...stop] } : {}),
    };
  }

  /**
   * A request that is refused for its parameter's name has not been worked on: it alone is sent again, under the other
   * name.
   */
  async #withTokensParameter<T>(send: (parameter: TokensParameter) => PromiseLike<T>): Promise<T> {
    try {
      return await send(this.#tokensParameter);
    } catch (error) {
      const refused =
        (error as { status?: number; message?: string }).status === 400 &&
        /max_completion_tokens/.test((error as Error).message);
      if (!refused || this.#tokensParameter === 'max_completion_tokens') throw error;
      const answer = await send('max_completion_tokens');
      this.#tokensParameter = 'max_completion_tokens';
      return answer;
    }
  }
}

function finishReasonOf(reason: string | null | undefined): FinishReason {
  switch (reason) {
    case 'stop':
      return 'STOP';
    case 'length':
      return 'LENGTH';
    case 'content_filter':
      return 'CONTENT_FILTER';
    default:
      return 'OTHER';
  }
}

const tokenCount = (
  usage: { prompt_tokens?: number; completion_tokens?: number } | null | undefined,
): TokenCount | undefined =>
  usage ? { inputTokens: usage.prompt_tokens ?? 0, outputTokens: usage.completion_tokens ?? 0 } : undefined;
