/** Chat completions of an OpenAI-compatible server, whole and streamed. No request that was worked on is sent again. */
import { CodedError, storeUnavailable } from '#subgraphs/shared/errors.ts';
import type { ChatAnswer, ChatDelta, ChatDriver, ChatRequest, FinishReason, InferenceCall } from '../../driver.ts';
import { Accommodation, type Body } from './accommodation.ts';
import { answerTextOf, ReasoningMarks, withoutMarks } from './answer-text.ts';
import { refusalError } from './errors.ts';
import { DONE, eventsOf } from './events.ts';
import type { OpenAIServer } from './index.ts';
import { chatTokens } from './token-count.ts';
import { ToolCalls, toMessage, toolFields } from './tool-calls.ts';

const PATH = '/chat/completions';

/** @param model the model's name on the server */
export function createOpenAIChat(server: OpenAIServer, model: string): ChatDriver {
  return new OpenAIChat(server, model);
}

/** An answer, or a piece of one; servers leave out what they please. */
interface Completion {
  readonly model?: unknown;
  readonly choices?: readonly { message?: unknown; delta?: unknown; finish_reason?: unknown }[];
  readonly usage?: unknown;
}

class OpenAIChat implements ChatDriver {
  readonly provider: string;
  readonly model: string;
  readonly #server: OpenAIServer;
  readonly #asked: { model: string; modelVariable: string };
  readonly #accommodation = new Accommodation();

  constructor(server: OpenAIServer, model: string) {
    this.#server = server;
    this.provider = server.provider;
    this.model = model;
    this.#asked = { model, modelVariable: 'CHAT_MODEL' };
  }

  async generate(call: InferenceCall, request: ChatRequest): Promise<ChatAnswer> {
    const answer = await this.#server.ask(call, this.#asked, ({ post }) =>
      this.#accommodation.send(
        { ...this.#body(request), stream: false },
        (body) => post<Completion>(PATH, body),
        request.optional,
      ),
    );
    const choice = answer.choices?.[0];
    if (!choice)
      throw storeUnavailable(
        'The chat model',
        new Error('The answer has no choice.'),
        'Check that CHAT_MODEL names a chat model.',
      );
    const { text, reasoning, refused } = withoutMarks(answerTextOf(choice.message));
    const called = new ToolCalls();
    called.push(choice.message);
    return {
      text,
      reasoning,
      toolCalls: called.calls,
      model: typeof answer.model === 'string' && answer.model !== '' ? answer.model : this.model,
      finishReason: refused ? 'REFUSED' : finishReasonOf(choice.finish_reason),
      usage: chatTokens(answer.usage),
    };
  }

  async *stream(call: InferenceCall, request: ChatRequest): AsyncGenerator<ChatDelta> {
    const asked = { ...this.#asked, stream: true };
    const body: Body = { ...this.#body(request), stream: true, stream_options: { include_usage: true } };
    const response = await this.#server.ask(call, asked, ({ open }) =>
      this.#accommodation.send(body, (known) => open(PATH, known), request.optional),
    );
    const marks = new ReasoningMarks();
    const called = new ToolCalls();
    let complete = false;
    let refused = false;
    try {
      for await (const event of eventsOf(response)) {
        if (event === DONE) {
          complete = true;
          break;
        }
        const error = refusalError(event, response.headers);
        if (error) throw error;
        // The last event has the usage and no choice.
        const { choices, usage: counted } = event as Completion;
        const choice = choices?.[0];
        const piece = answerTextOf(choice?.delta ?? choice?.message);
        refused ||= piece.refused;
        called.push(choice?.delta ?? choice?.message);
        const { text, reasoning } = marks.push(piece.text);
        const reason = choice?.finish_reason ? finishReasonOf(choice.finish_reason) : undefined;
        complete ||= reason !== undefined;
        const usage = chatTokens(counted);
        yield {
          text,
          reasoning: piece.reasoning + reasoning,
          ...(reason && { finishReason: refused ? 'REFUSED' : reason }),
          ...(usage && { usage }),
        };
      }
    } catch (error) {
      throw this.#server.error(error, call, asked);
    }
    // The end of the connection is not the end of the answer.
    if (!complete) {
      if (call.signal?.aborted) throw this.#server.error(call.signal.reason, call, asked);
      throw new CodedError('STORE_UNAVAILABLE', 'The model server cut the answer off.', {
        hint: 'Check the server at OPENAI_BASE_URL.',
      });
    }
    const rest = marks.end();
    const toolCalls = called.calls;
    if (rest.text !== '' || rest.reasoning !== '' || toolCalls.length > 0) yield { ...rest, toolCalls };
  }

  #body({ messages, maxTokens, temperature, stop, tools, toolChoice }: ChatRequest): Body {
    return {
      model: this.model,
      messages: messages.map(toMessage),
      ...toolFields(tools, toolChoice),
      max_tokens: maxTokens,
      ...(temperature === undefined ? {} : { temperature }),
      ...(stop ? { stop: [...stop] } : {}),
    };
  }
}

function finishReasonOf(reason: unknown): FinishReason {
  switch (reason) {
    case 'stop':
    case 'eos':
    case 'end_turn':
      return 'STOP';
    case 'length':
    case 'max_tokens':
    case 'model_length':
      return 'LENGTH';
    case 'tool_calls':
    case 'function_call':
      return 'TOOL_CALLS';
    case 'content_filter':
      return 'CONTENT_FILTER';
    default:
      return 'OTHER';
  }
}
