/**
 * A transport of Vercel's AI SDK (`ChatTransport` of `ai` 6) to agents behind Tributary: what is asked starts a run over AG-UI, what the
 * run's log says becomes the parts of a message. A stream that breaks is taken up behind the last event that arrived; a page that
 * was loaded again has the answer from its beginning.
 *
 *     new Chat({ id, resume: true, transport: new TributaryTransport({ origin: 'http://127.0.0.1:4000', agent: 'librarian' }) })
 */
const { AbortController, TextDecoderStream, ReadableStream, crypto, fetch, setTimeout, clearTimeout } = globalThis;

/** How often in a row a broken stream is asked for again, and the longest pause before that. */
const ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 5_000;

/** @implements {import('ai').ChatTransport<import('ai').UIMessage>} */
export class TributaryTransport {
  /** What {@link reconnectToStream} gives begins at the beginning. */
  resumeStreamIsReplay = true;

  /**
   * @param {object} options
   * @param {string} options.origin where the server is, such as `http://127.0.0.1:4000`
   * @param {string} options.agent the id or the name of an agent that somebody works for
   * @param {() => string | undefined} [options.token] of whoever asks; in development mode nobody is asked
   * @param {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} [options.storage] keeps the last request of each chat until its answer is
   *   whole. `sessionStorage` by default, so that a page that is loaded again finds its answer, and another tab does not
   */
  constructor({ origin, agent, token = () => undefined, storage = globalThis.sessionStorage }) {
    this.origin = origin;
    this.agent = agent;
    this.token = token;
    this.storage = storage;
  }

  async sendMessages({ chatId, messages, abortSignal }) {
    const body = JSON.stringify({
      threadId: chatId,
      runId: crypto.randomUUID(),
      messages: messages.flatMap(toAgUi),
      tools: [],
      context: [],
      state: {},
      forwardedProps: {},
    });
    this.storage.setItem(keyOf(chatId), body);
    return await this.#follow(chatId, body, abortSignal);
  }

  /** Null where no answer of this chat is under way. */
  async reconnectToStream({ chatId, abortSignal }) {
    const body = this.storage.getItem(keyOf(chatId));
    return body === null ? null : await this.#follow(chatId, body, abortSignal);
  }

  /** The same `runId` with the same input is the same run, however often it is asked for. */
  async #ask(body, after, signal) {
    const response = await fetch(new URL(`/agents/${encodeURIComponent(this.agent)}/run`, this.origin), {
      method: 'POST',
      headers: {
        ...this.#headers(),
        accept: 'text/event-stream',
        ...(after === undefined ? {} : { 'last-event-id': after }),
      },
      body,
      signal,
    });
    if (response.ok) return response;
    const { errors: [error] = [] } = await response.json().catch(() => ({}));
    throw new Refused(
      [error?.message ?? `The server answered ${response.status}.`, error?.extensions?.hint].filter(Boolean).join(' '),
    );
  }

  async #follow(chatId, body, abortSignal) {
    const closing = new AbortController();
    const first = await this.#ask(body, undefined, closing.signal);
    const run = first.headers.get('content-location')?.split('/')[2];
    // Who presses "stop" ends the run, and not only what he sees of it.
    const stop = () => {
      closing.abort();
      this.storage.removeItem(keyOf(chatId));
      if (run !== undefined) this.#cancel(run).catch(() => undefined); // It ends by itself; nobody reads it.
    };
    if (abortSignal?.aborted) stop();
    abortSignal?.addEventListener('abort', stop, { once: true });
    const chunks = this.#chunks(body, first, closing.signal);
    return new ReadableStream({
      pull: async (controller) => {
        try {
          const { done, value } = await chunks.next();
          if (!done) return controller.enqueue(value);
          this.storage.removeItem(keyOf(chatId));
          controller.close();
        } catch (error) {
          if (error instanceof Refused) this.storage.removeItem(keyOf(chatId));
          controller.error(error);
        }
        abortSignal?.removeEventListener('abort', stop);
      },
      // The page turns to something else; the run goes on.
      cancel: () => closing.abort(),
    });
  }

  async *#chunks(body, first, signal) {
    const toChunks = messageOf();
    let response = first;
    let after;
    let failures = 0;
    for (;;) {
      if (response.status === 204) return; // All of it has arrived.
      try {
        for await (const { id, event } of serverSentEvents(response.body)) {
          [after, failures] = [id ?? after, 0];
          yield* toChunks(event);
          if (event.type === 'RUN_FINISHED' || event.type === 'RUN_ERROR') return;
        }
      } catch (error) {
        if (signal.aborted) throw error;
      }
      for (response = undefined; response === undefined;) {
        await pause(Math.min(LONGEST_PAUSE_MS, 100 * 2 ** failures), signal);
        try {
          response = await this.#ask(body, after, signal);
        } catch (error) {
          if (signal.aborted || error instanceof Refused || ++failures === ATTEMPTS) throw error;
        }
      }
    }
  }

  async #cancel(id) {
    const query = 'mutation Stop($id: ID!) { cancelRun(input: { runId: $id }) { run { id } } }';
    await fetch(new URL('/graphql', this.origin), {
      method: 'POST',
      headers: this.#headers(),
      body: JSON.stringify({ query, variables: { id } }),
    });
  }

  #headers() {
    const token = this.token();
    return { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  }
}

/** The server has said no: asking again would not help. */
class Refused extends Error {}

const keyOf = (chatId) => `tributary:${chatId}`;

/** What was said before, as AG-UI has it: texts of users and answers. */
function toAgUi({ id, role, parts }) {
  const content = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
  return content === '' ? [] : [{ id, role, content }];
}

/** What the SDK makes of the events of one run, in their order. Names and arguments of tool calls are kept until they are whole. */
function messageOf() {
  const calls = new Map();
  return function* toChunks(event) {
    switch (event.type) {
      case 'RUN_STARTED':
        return yield { type: 'start', messageId: event.runId };
      case 'STEP_STARTED':
        return yield { type: 'start-step' };
      case 'STEP_FINISHED':
        return yield { type: 'finish-step' };
      case 'TEXT_MESSAGE_START':
        return yield { type: 'text-start', id: event.messageId };
      case 'TEXT_MESSAGE_CONTENT':
        return yield { type: 'text-delta', id: event.messageId, delta: event.delta };
      case 'TEXT_MESSAGE_END':
        return yield { type: 'text-end', id: event.messageId };
      case 'REASONING_MESSAGE_START':
        return yield { type: 'reasoning-start', id: event.messageId };
      case 'REASONING_MESSAGE_CONTENT':
        return yield { type: 'reasoning-delta', id: event.messageId, delta: event.delta };
      case 'REASONING_MESSAGE_END':
        return yield { type: 'reasoning-end', id: event.messageId };
      case 'TOOL_CALL_START':
        calls.set(event.toolCallId, { toolName: event.toolCallName, text: '' });
        return yield {
          type: 'tool-input-start',
          toolCallId: event.toolCallId,
          toolName: event.toolCallName,
          dynamic: true,
        };
      case 'TOOL_CALL_ARGS':
        calls.get(event.toolCallId).text += event.delta;
        return yield { type: 'tool-input-delta', toolCallId: event.toolCallId, inputTextDelta: event.delta };
      case 'TOOL_CALL_END': {
        const { toolName, text } = calls.get(event.toolCallId);
        calls.delete(event.toolCallId);
        return yield {
          type: 'tool-input-available',
          toolCallId: event.toolCallId,
          toolName,
          input: parsed(text),
          dynamic: true,
        };
      }
      case 'TOOL_CALL_RESULT':
        return yield {
          type: 'tool-output-available',
          toolCallId: event.toolCallId,
          output: parsed(event.content),
          dynamic: true,
        };
      case 'RUN_FINISHED':
        return yield event.outcome?.type === 'cancelled' ? { type: 'abort' } : { type: 'finish' };
      case 'RUN_ERROR':
        return yield { type: 'error', errorText: event.message };
      default:
        // States, activities, artifacts and an agent's own: as data, which a page may show as it likes.
        return yield { type: 'data-event', data: event };
    }
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Events of a `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html) whose data is JSON, with their ids. */
async function* serverSentEvents(body) {
  let rest = '';
  let [id, data] = [undefined, []];
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line === '' && data.length > 0) {
        yield { id, event: JSON.parse(data.join('\n')) };
        data = [];
      } else if (line.startsWith('id:')) id = line.slice(3).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
    }
  }
}

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
