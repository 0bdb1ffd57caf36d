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
   * @param {number} [options.attempts] how often in a row a stream is asked for again that broke, or brought nothing. 10 by default
   * @param {number} [options.longestPauseMs] before that: it doubles from 200 ms. 5,000 by default
   */
  constructor({
    origin,
    agent,
    token = () => undefined,
    storage = globalThis.sessionStorage,
    attempts = ATTEMPTS,
    longestPauseMs = LONGEST_PAUSE_MS,
  }) {
    this.attempts = attempts;
    this.longestPauseMs = longestPauseMs;
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
    try {
      this.storage.setItem(keyOf(chatId), body);
    } catch {
      // The tab's storage is full: the answer comes all the same, and is not found again where the page is loaded anew.
    }
    return await this.#follow(chatId, body, abortSignal);
  }

  /** Null where no answer of this chat is under way. */
  async reconnectToStream({ chatId, abortSignal }) {
    const body = this.storage.getItem(keyOf(chatId));
    return body === null ? null : await this.#follow(chatId, body, abortSignal);
  }

  async #follow(chatId, body, abortSignal) {
    const closing = new AbortController();
    let run;
    // Who presses "stop" ends the run, and not only what he sees of it.
    const stop = () => {
      closing.abort();
      this.storage.removeItem(keyOf(chatId));
      if (run !== undefined) this.#cancel(run).catch(() => undefined); // It ends by itself; nobody reads it.
    };
    if (abortSignal?.aborted) closing.abort();
    abortSignal?.addEventListener('abort', stop, { once: true });
    const over = (error) => {
      abortSignal?.removeEventListener('abort', stop);
      // What merely broke is there to be found again.
      if (error === undefined || error instanceof Refused) this.storage.removeItem(keyOf(chatId));
    };
    const chunks = this.#chunks(body, closing.signal, (id) => (run = id));
    let first;
    try {
      first = await chunks.next();
    } catch (error) {
      over(error);
      throw error;
    }
    return new ReadableStream({
      pull: async (controller) => {
        try {
          const { done, value } = first ?? (await chunks.next());
          first = undefined;
          if (!done) return controller.enqueue(value);
          over();
          controller.close();
        } catch (error) {
          over(error);
          controller.error(error);
        }
      },
      // The page turns to something else; the run goes on.
      cancel: () => closing.abort(),
    });
  }

  /** Parts of the message, over as many connections as it takes: as long as each brings something, or one of `attempts` in a row. */
  async *#chunks(body, signal, onRun) {
    const toChunks = messageOf();
    let after;
    for (let failures = 0; ;) {
      let failure = new Error('The server ended the stream before the run had ended.');
      try {
        const response = await this.#ask(body, after, signal);
        const [, , run] = response.headers.get('content-location')?.split('/') ?? [];
        if (run !== undefined) onRun(run);
        if (response.status === 204) return; // All of it has arrived.
        for await (const { id, data } of serverSentEvents(response.body)) {
          if (id !== undefined && id === after) continue;
          if (id !== undefined) [after, failures] = [id, 0];
          const event = JSON.parse(data);
          yield* toChunks(event);
          if (event.type === 'RUN_FINISHED' || event.type === 'RUN_ERROR') return;
        }
      } catch (error) {
        if (signal.aborted || error instanceof Refused || error instanceof SyntaxError) throw error;
        failure = error;
      }
      if (++failures > this.attempts) throw failure;
      await pause(Math.max(failure.retryAfterMs ?? 0, Math.min(this.longestPauseMs, 100 * 2 ** failures)), signal);
    }
  }

  /**
   * The same `runId` with the same input is the same run, however often it is asked for.
   * @throws Refused where asking again would not help
   */
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
    const type = response.headers.get('content-type') ?? '';
    if (response.status === 204 || (response.ok && type.startsWith('text/event-stream'))) return response;
    const { errors } = (await response.json().catch(() => null)) ?? {};
    const [error] = errors ?? [];
    const told = [
      error?.message ?? `The server answered ${response.status} (${type || 'nothing'}).`,
      error?.extensions?.hint,
    ];
    const isPassing = response.status >= 500 || [408, 425, 429].includes(response.status);
    throw new (isPassing ? Passing : Refused)(told.filter(Boolean).join(' '), response.headers.get('retry-after'));
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

/** The server, or what stands before it, cannot at the moment. */
class Passing extends Error {
  constructor(message, retryAfter) {
    super(message);
    this.retryAfterMs = Number(retryAfter) * 1_000 || 0;
  }
}

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
        if (calls.has(event.toolCallId)) calls.get(event.toolCallId).text += event.delta;
        return yield { type: 'tool-input-delta', toolCallId: event.toolCallId, inputTextDelta: event.delta };
      case 'TOOL_CALL_END': {
        const { toolName, text } = calls.get(event.toolCallId) ?? { toolName: 'tool', text: '' };
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

/** Events of a `text/event-stream` (https://html.spec.whatwg.org/multipage/server-sent-events.html) with their ids. */
async function* serverSentEvents(body) {
  let rest = '';
  let [id, data] = [undefined, []];
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split(/\r\n|\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === '' && data.length > 0) {
        yield { id, data: data.join('\n') };
        data = [];
      } else if (line.startsWith('id:')) id = line.slice(3).trim();
      else if (line.startsWith('data:')) data.push(line.slice(5).trimStart());
    }
  }
}

const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const over = () => (clearTimeout(timer), reject(signal.reason));
    const timer = setTimeout(() => (signal.removeEventListener('abort', over), resolve()), ms);
    signal.addEventListener('abort', over, { once: true });
  });
