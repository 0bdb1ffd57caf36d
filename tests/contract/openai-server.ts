/**
 * A strict stand-in for an OpenAI-compatible server, for tests: speaks the documented protocol (models, embeddings,
 * chat completions whole and streamed, `/rerank` in Jina's or TEI's form) and refuses what the protocol does not allow.
 * Faults are ordered one at a time.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { OPENAI, type Dialect, type RefusalKind } from './model-dialects.ts';

export interface StandInOptions {
  apiKey?: string;
  embeddingModel?: string;
  chatModel?: string;
  dimensions?: number;
  /** Which form of reranking is served. Default: none */
  rerank?: 'jina' | 'tei';
  /** Refuses `max_tokens`, as OpenAI's newer models do. Default: false */
  newTokensParameter?: boolean;
  /** Answers without token counts. Default: false */
  withoutUsage?: boolean;
  /** How it speaks. Default: as OpenAI does */
  dialect?: Dialect;
  /** What the chat model answers to a request, and which tools it wants called. Default: the last message's words, reversed */
  answers?: (request: ChatRequestBody) => Scripted | undefined;
  /** What the chat model thinks before each answer. Default: nothing that it says */
  thought?: string;
  /** The most words (its tokens) of one text to embed. Default: no limit */
  maxInputTokens?: number;
  /** The most texts of one request to embed. Default: 32 */
  maxBatch?: number;
}

/** A request for a chat completion, as far as scripts look at it. */
export interface ChatRequestBody {
  readonly messages: readonly { role: string; content: string; tool_call_id?: string }[];
  readonly tools?: readonly { function: { name: string } }[];
  readonly tool_choice?: string;
}

/** What the model answers, word by word. */
export interface Scripted {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly arguments: unknown }[];
}

/** What happens to the next request instead of an answer. */
export type Fault =
  | { kind: 'status'; status: number; body?: unknown; headers?: Record<string, string> }
  /** No answer, ever. */
  | { kind: 'hang' }
  /** A stream that ends, or goes silent, after so many words. */
  | { kind: 'cut' | 'silent'; after: number }
  /** A stream in which the server refuses after so many words. */
  | { kind: 'refusal'; after: number; status: number; message: string };

export interface StandIn extends AsyncDisposable {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly embeddingModel: string;
  readonly chatModel: string;
  /** Every request so far. */
  readonly requests: { path: string; body: Record<string, unknown>; authorization: string | undefined }[];
  /** Resolves when a request's client has gone before its answer was complete. */
  abandoned(): Promise<void>;
  /** Resolves when so many POST requests have been answered, or refused. */
  answered(count: number): Promise<void>;
  /** Orders a fault for the next request that is not for the list of models. */
  next(fault: Fault): void;
}

/** Starts the server on a free port of loopback. The chat model answers with the last message's words, reversed. */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { apiKey = 'sk-test', embeddingModel = 'test-embedding', chatModel = 'test-chat', dimensions = 16 } = options;
  const { dialect = OPENAI, thought = '' } = options;
  const { rerank = dialect.rerank } = options;
  const requests: StandIn['requests'] = [];
  const faults: Fault[] = [];
  let left = 0;
  const waiting: (() => void)[] = [];
  let answers = 0;
  const counting = new Set<() => void>();

  const server = createServer((request, response) => {
    response.on('finish', () => {
      if (request.method !== 'POST') return;
      answers++;
      counting.forEach((check) => check());
    });
    response.on('close', () => {
      if (response.writableFinished) return;
      left++;
      waiting.splice(0).forEach((resolve) => resolve());
    });
    handle(request, response).catch((error: unknown) => {
      if (error instanceof Refusal)
        sendJson(response, error.status, dialect.refuse(error.status, error.message, error.kind));
      else response.destroy(error as Error);
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    if (apiKey !== '' && request.headers.authorization !== `Bearer ${apiKey}`)
      throw new Refusal(401, 'Incorrect API key provided.', 'key');
    const { listed } = dialect;
    if (request.method === 'GET' && path === '/v1/models' && listed !== undefined) {
      const ids = dialect.only === undefined ? [embeddingModel, chatModel, 'other-embed-large'] : [dialect.only];
      const models = ids.map((id) => ({
        id,
        object: 'model',
        created: 1,
        ...listed(id),
      }));
      return sendJson(response, 200, { object: 'list', data: models });
    }
    const answers = dialect.describes(embeddingModel);
    if (request.method === 'GET' && path in answers) return sendJson(response, 200, answers[path]);
    if (`${request.method} ${path}` in answers) {
      if ((await readJson(request)).model !== embeddingModel) throw new Refusal(404, 'model not found', 'model');
      return sendJson(response, 200, answers[`${request.method} ${path}`]);
    }
    if (request.method !== 'POST') throw new Refusal(404, 'Not found.');
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
      throw new Refusal(415, 'Content-Type must be application/json.');
    const body = await readJson(request);
    requests.push({ path, body, authorization: request.headers.authorization });
    const unknown = dialect.unknown.find((field) => field in body);
    if (unknown === 'max_tokens')
      throw new Refusal(dialect.unknownStatus, `Use max_completion_tokens in place of ${unknown}.`);
    if (unknown) throw new Refusal(dialect.unknownStatus, fieldOf(unknown, dialect), 'field');
    const fault = faults.shift();
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status')
      return sendJson(
        response,
        fault.status,
        fault.body ?? { error: { message: 'Ordered by the test.', type: 'error', code: null } },
        fault.headers,
      );
    if (path === '/v1/embeddings') return embeddings(body, response);
    if (path === '/v1/chat/completions' && dialect.chats) return chat(body, response, fault);
    if (path === '/v1/rerank' && rerank === 'jina') return rerankJina(body, response);
    if (path === '/rerank' && rerank === 'tei') return rerankTei(body, response);
    throw new Refusal(404, `Unknown path ${path}.`);
  }

  function embeddings(body: Record<string, unknown>, response: ServerResponse): void {
    allow(body, ['model', 'input', 'encoding_format', 'dimensions', 'user']);
    if (body.model !== embeddingModel)
      throw new Refusal(404, `The model ${String(body.model)} does not exist.`, 'model');
    const input = typeof body.input === 'string' ? [body.input] : body.input;
    if (!Array.isArray(input) || input.length === 0 || !input.every((text) => typeof text === 'string' && text !== ''))
      throw new Refusal(400, 'input must be a list of texts that are not empty.');
    const { maxBatch = 32, maxInputTokens = Infinity } = options;
    if (input.length > maxBatch)
      throw new Refusal(422, `batch size ${input.length} > maximum allowed batch size ${maxBatch}`);
    const longest = Math.max(...(input as string[]).map(countWords));
    if (longest > maxInputTokens) {
      const { status, message } = dialect.tooLong(maxInputTokens, longest);
      throw new Refusal(status, message);
    }
    if (body.encoding_format !== 'float' && !dialect.unknown.includes('encoding_format'))
      throw new Refusal(400, 'encoding_format must be float.');
    if (body.dimensions !== undefined && typeof dialect.dimensions === 'object')
      throw new Refusal(400, dialect.dimensions.refused);
    const made = dialect.dimensions === 'made' ? ((body.dimensions as number | undefined) ?? dimensions) : dimensions;
    const data = (input as string[]).map((text, index) => ({
      object: 'embedding',
      ...dialect.index(index),
      embedding: vectorOf(text, dimensions).slice(0, made),
    }));
    // The protocol orders by `index`, not by place; who gives none answers in order.
    if (dialect.index(1).index === 1) data.reverse();
    sendJson(response, 200, { object: 'list', model: embeddingModel, data, ...usage(countWords(input.join(' ')), 0) });
  }

  async function chat(
    body: Record<string, unknown>,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    allow(body, [
      'model',
      'messages',
      'max_tokens',
      'max_completion_tokens',
      'temperature',
      'stop',
      'stream',
      'stream_options',
      'tools',
      'tool_choice',
    ]);
    if (body.model !== chatModel) throw new Refusal(404, `The model ${String(body.model)} does not exist.`, 'model');
    if (options.newTokensParameter && 'max_tokens' in body)
      throw new Refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
    const limit = (body.max_tokens ?? body.max_completion_tokens) as number;
    if (!Number.isInteger(limit) || limit < 1) throw new Refusal(400, 'max_tokens must be at least 1.');
    if (body.stream_options !== undefined && body.stream !== true)
      throw new Refusal(400, 'stream_options needs stream.');
    const messages = body.messages as { role: string; content: string }[];
    if (!Array.isArray(messages) || messages.length === 0) throw new Refusal(400, 'messages must not be empty.');
    checkMessages(messages);
    if (body.tools === undefined && body.tool_choice !== undefined)
      throw new Refusal(400, 'tool_choice is only allowed when tools are specified.');
    const scripted = options.answers?.(body as unknown as ChatRequestBody);
    const words =
      scripted === undefined
        ? messages.at(-1)!.content.split(/\s+/).reverse()
        : (scripted.text?.split(/\s+/).filter((word) => word !== '') ?? []);
    const said = words.slice(0, limit);
    const calls = (scripted?.calls ?? []).map((call, at) => ({
      index: at,
      id: `call_${requests.length}_${at}`,
      type: 'function',
      function: { name: call.name, arguments: JSON.stringify(call.arguments) },
    }));
    const finish = said.length < words.length ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop';
    const counted = usage(countWords(messages.map(({ content }) => content).join(' ')), said.length);
    if (body.stream !== true) {
      const choices = [
        {
          index: 0,
          message: {
            ...dialect.message(said.join(' '), thought),
            ...(calls.length > 0 ? { tool_calls: calls.map(({ index: _, ...call }) => call) } : {}),
          },
          finish_reason: finish,
          logprobs: null,
        },
      ];
      return sendJson(response, 200, {
        id: 'chatcmpl-1',
        object: 'chat.completion',
        created: 1,
        model: chatModel,
        choices,
        ...counted,
      });
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (event: object) =>
      response.write(
        `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: chatModel, ...event })}\n\n`,
      );
    send({ choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] });
    for (const [at, word] of thought === '' ? [] : thought.split(/(?<= )/).entries()) {
      const edge = { first: at === 0, last: at === thought.split(' ').length - 1 };
      send({ choices: [{ index: 0, delta: dialect.delta(word, true, edge), finish_reason: null }] });
    }
    for (const [at, word] of said.entries()) {
      if (fault?.kind === 'refusal' && fault.after === at) {
        response.write(`data: ${JSON.stringify(dialect.refuse(fault.status, fault.message, 'server'))}\n\n`);
        response.end('data: [DONE]\n\n');
        return;
      }
      if ((fault?.kind === 'cut' || fault?.kind === 'silent') && fault.after === at) {
        if (fault.kind === 'cut') response.end();
        return;
      }
      const delta = dialect.delta(at === 0 ? word : ` ${word}`, false, { first: at === 0, last: false });
      send({ choices: [{ index: 0, delta, finish_reason: null }] });
      await turn();
    }
    for (const call of calls) {
      // In pieces, as OpenAI does: the name first, then its arguments bit by bit.
      const { arguments: whole } = call.function;
      send({
        choices: [{ index: 0, delta: { tool_calls: [{ ...call, function: { ...call.function, arguments: '' } }] } }],
      });
      for (let at = 0; at < whole.length; at += 7) {
        const piece = { index: call.index, function: { arguments: whole.slice(at, at + 7) } };
        send({ choices: [{ index: 0, delta: { tool_calls: [piece] }, finish_reason: null }] });
      }
    }
    if (dialect.finishes) send({ choices: [{ index: 0, delta: {}, finish_reason: finish }] });
    if ((body.stream_options as { include_usage?: boolean } | undefined)?.include_usage && !options.withoutUsage)
      send({ choices: [], ...counted });
    response.end('data: [DONE]\n\n');
  }

  function rerankJina(body: Record<string, unknown>, response: ServerResponse): void {
    allow(body, ['model', 'query', 'documents', 'top_n', 'return_documents']);
    const results = score(body.query as string, body.documents as string[]).map(
      ({ index, score: relevance_score }) => ({ index, relevance_score }),
    );
    sendJson(response, 200, { model: 'test-rerank', results, usage: { total_tokens: 7 } });
  }

  function rerankTei(body: Record<string, unknown>, response: ServerResponse): void {
    allow(body, ['query', 'texts', 'truncate', 'raw_scores', 'return_text']);
    sendJson(response, 200, score(body.query as string, body.texts as string[]));
  }

  const usage = (prompt: number, completion: number) =>
    options.withoutUsage ? {} : { usage: dialect.usage(prompt, completion) };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    apiKey,
    embeddingModel,
    chatModel,
    requests,
    next: (fault) => faults.push(fault),
    answered: (count) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (answers < count) return;
          counting.delete(check);
          resolve();
        };
        counting.add(check);
        check();
      }),
    abandoned: () => (left > 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Refusal extends Error {
  readonly status: number;
  readonly kind: RefusalKind;
  constructor(status: number, message: string, kind: RefusalKind = 'request') {
    super(message);
    this.status = status;
    this.kind = kind;
  }
}

/** What is said of a field that is not known; dialects that list the fields get its name alone. */
const fieldOf = (field: string, { name }: Dialect): string =>
  name === 'Mistral' ? field : `Unrecognized request argument supplied: ${field}`;

function allow(body: object, names: readonly string[]): void {
  for (const name of Object.keys(body))
    if (!names.includes(name)) throw new Refusal(400, `Unrecognized request argument supplied: ${name}`);
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  // Of another type than JSON it is sent as it is.
  response.end(typeof body === 'string' && headers['content-type'] !== undefined ? body : JSON.stringify(body));
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
}

/** Every call of a tool has its result right behind it. */
function checkMessages(
  messages: readonly { role: string; content: string | null; tool_calls?: { id: string }[]; tool_call_id?: string }[],
): void {
  let open: string[] = [];
  for (const message of messages) {
    allow(message, [
      'role',
      'content',
      ...(message.role === 'assistant' ? ['tool_calls'] : []),
      ...(message.role === 'tool' ? ['tool_call_id'] : []),
    ]);
    if (!['system', 'user', 'assistant', 'tool'].includes(message.role) || typeof message.content !== 'string')
      throw new Refusal(400, 'A message is malformed.');
    if (message.role === 'tool') {
      if (!open.includes(message.tool_call_id!)) throw new Refusal(400, 'No tool call is found for tool_call_id.');
      open = open.filter((id) => id !== message.tool_call_id);
      continue;
    }
    if (open.length > 0) throw new Refusal(400, 'A tool call must be followed by its tool message.');
    open = (message.tool_calls ?? []).map(({ id }) => id);
  }
  if (open.length > 0) throw new Refusal(400, 'A tool call must be followed by its tool message.');
}

const countWords = (text: string): number => text.split(/\s+/).length;

/** Any vector, the same for the same text, and not of length 1. */
function vectorOf(text: string, dimensions: number): number[] {
  const bytes = createHash('sha512').update(text).digest();
  return Array.from({ length: dimensions }, (_, at) => bytes[at % bytes.length]! - 127.5);
}

/** Scores by the words that a document shares with the query. */
function score(query: string, documents: readonly string[]): { index: number; score: number }[] {
  const asked = new Set(query.toLowerCase().split(/\s+/));
  return documents.map((text, index) => ({
    index,
    score:
      text
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => asked.has(word)).length / 10,
  }));
}
