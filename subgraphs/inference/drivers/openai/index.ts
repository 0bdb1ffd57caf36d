/**
 * The connection to one OpenAI-compatible server (OpenAI, vLLM, Ollama, TEI, LiteLLM, llama.cpp): client, pool,
 * time-outs and the list of its models. What is asked of it is in `embeddings.ts`, `chat.ts` and `rerank.ts`.
 */
import { setTimeout as wait } from 'node:timers/promises';
import OpenAI from 'openai';
import { Agent, fetch } from 'undici';
import { StatementCounter } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { Secret } from '#subgraphs/shared/secret.ts';
import { INFERENCE, type InferenceBounds } from '../../bounds.ts';
import type { InferenceCall, ListedModels, ModelServer } from '../../driver.ts';
import type { Body } from './accommodation.ts';
import { openaiError, refusalError, refusalIn, type Asked } from './errors.ts';
import { parsed } from './events.ts';
import { refusalOf } from './refusal.ts';

export interface OpenAIServerOptions extends Pick<
  InferenceBounds,
  'timeoutMs' | 'connectTimeoutMs' | 'answerBytes' | 'retryAfterSeconds'
> {
  readonly baseUrl: string;
  readonly apiKey?: Secret;
  /** The variable that named the server, for hints. */
  readonly urlVariable: string;
}

/** What goes with each request of the client library. */
type RequestOptions = NonNullable<Parameters<OpenAI['models']['list']>[0]>;

/** What a call to the server may set. */
export interface AskOptions {
  readonly model?: string;
  readonly modelVariable?: string;
  /** How often a failed request is sent again. Default: 0 */
  readonly retries?: number;
  /** A stream's time-out starts anew with each piece; any other call's covers the whole. Default: false */
  readonly stream?: boolean;
  readonly timeoutMs?: number;
}

/** Sends requests of one call. */
export interface Sender {
  /**
   * The whole answer to a POST.
   * @param path behind the server's address, or a URL
   * @throws APIError also for a refusal that came with status 200
   */
  post<T>(path: string, body: Body): Promise<T>;
  /** The answer to a POST, to be read as it comes. */
  open(path: string, body: Body): Promise<Response>;
  readonly client: OpenAI;
  readonly request: RequestOptions;
}

/** One server. This module, and the client library with it, is only loaded where one is configured. */
export class OpenAIServer implements ModelServer {
  readonly provider: string;
  readonly baseUrl: string;
  readonly #urlVariable: string;
  readonly #timeoutMs: number;
  readonly #retryAfterSeconds: number;
  readonly #dispatcher: Agent;
  readonly #client: Client;

  constructor(options: OpenAIServerOptions) {
    this.#urlVariable = options.urlVariable;
    this.#timeoutMs = options.timeoutMs ?? INFERENCE.timeoutMs;
    this.#retryAfterSeconds = options.retryAfterSeconds ?? INFERENCE.retryAfterSeconds;
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.provider = new URL(this.baseUrl).host;
    const { apiKey, connectTimeoutMs = INFERENCE.connectTimeoutMs, answerBytes = INFERENCE.answerBytes } = options;
    const timeoutMs = this.#timeoutMs;
    this.#dispatcher = new Agent({
      connect: { timeout: connectTimeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: answerBytes,
    });
    this.#client = new Client({
      baseURL: this.baseUrl,
      // The library insists on a key; servers without one get no header.
      apiKey: typeof apiKey === 'function' ? async () => apiKey() ?? 'none' : (apiKey ?? 'none'),
      ...(apiKey ? {} : { defaultHeaders: { Authorization: null } }),
      // Else it would read these from the environment.
      organization: null,
      project: null,
      logLevel: 'off',
      timeout: timeoutMs,
      // The pool belongs to this server, so that closing it ends it.
      fetch: fetch as unknown as typeof globalThis.fetch,
      // The operator has named one server; whatever it points to was not named, and would be given the key and the texts.
      fetchOptions: { dispatcher: this.#dispatcher, redirect: 'error' } as never,
    });
  }

  /**
   * Calls the server and maps what goes wrong. Each call is counted as one statement, its repetitions are not.
   * @param use sends what is to be asked, bound to the call's signal and time-out
   */
  async ask<T>(call: InferenceCall, options: AskOptions, use: (sender: Sender) => Promise<T>): Promise<T> {
    return await call.statements.timed('openai', () => this.#ask(call, options, use));
  }

  async #ask<T>(call: InferenceCall, options: AskOptions, use: (sender: Sender) => Promise<T>): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const signal = AbortSignal.any([
      ...(call.signal ? [call.signal] : []),
      ...(options.stream ? [] : [AbortSignal.timeout(timeoutMs)]),
    ]);
    const sender = senderOver(this.#client, { signal, maxRetries: 0, timeout: timeoutMs });
    for (let attempt = 0; ; attempt++) {
      try {
        return await use(sender);
      } catch (thrown) {
        const error = this.error(thrown, call, options);
        const pause =
          attempt < (options.retries ?? 0) ? pauseBefore(error, attempt, this.#retryAfterSeconds) : undefined;
        if (pause === undefined) throw error;
        // The wait ends with the call; the client library's own would not.
        await wait(pause, undefined, { signal }).catch((ended: unknown) => {
          throw this.error(ended, call, options);
        });
      }
    }
  }

  /** What `error`, thrown by the client library outside of {@link ask}, means. */
  error(
    error: unknown,
    { signal }: InferenceCall,
    { model, modelVariable }: Pick<Asked, 'model' | 'modelVariable'>,
  ): unknown {
    return openaiError(error, { model, modelVariable, urlVariable: this.#urlVariable, signal });
  }

  async models(call: InferenceCall): Promise<ListedModels | undefined> {
    return this.ask(call, { retries: INFERENCE.listRetries }, async ({ client, request }) => {
      try {
        const listed: OpenAI.Models.Model[] = [];
        for await (const model of client.models.list(request)) {
          if (typeof model.id === 'string') listed.push(model);
          if (listed.length === INFERENCE.listedModels) break;
        }
        return { ids: listed.map(({ id }) => id), anyName: isOnlyOne(listed) };
      } catch (error) {
        if (isNotFound(error)) return undefined; // TEI, for one, serves models without listing them.
        throw error;
      }
    });
  }

  /**
   * What the server answers at `url` besides the protocol, asked for nobody's request; undefined where it has no such answer.
   * @param body of a POST; without one it is a GET
   * @throws CodedError where it did not answer in the time of a probe, or failed
   */
  async look(url: string, body?: Body): Promise<unknown> {
    return this.ask(NOBODYS, { timeoutMs: INFERENCE.probeTimeoutMs }, async ({ client, request }) => {
      try {
        return await (body === undefined ? client.get(url, request) : client.post(url, { ...request, body }));
      } catch (error) {
        const { status } = error as { status?: number };
        if (status !== undefined && status < 500 && status !== 429) return undefined;
        throw error;
      }
    });
  }

  async probe(): Promise<number> {
    const started = performance.now();
    await this.ask(NOBODYS, { timeoutMs: INFERENCE.probeTimeoutMs }, async ({ client, request }) => {
      try {
        await client.models.list(request);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    });
    return performance.now() - started;
  }

  /** Requests under way are ended, not waited for: a stream may have no end. */
  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }
}

/** A call that no request's statements are counted for. */
const NOBODYS = { statements: new StatementCounter() };

function senderOver(client: Client, request: RequestOptions): Sender {
  return {
    client,
    request,
    async post<T>(path: string, body: Body) {
      const { data, response } = await client
        .post<unknown>(path, { ...request, body: wellFormed(body) })
        .withResponse();
      // The library gives the text of an answer that does not call itself JSON.
      const answer = typeof data === 'string' ? parsed(data) : data;
      const refusal = refusalError(answer, response.headers);
      if (refusal) throw refusal;
      return answer as T;
    },
    open: (path, body) => client.post(path, { ...request, body: wellFormed(body), stream: true }).asResponse(),
  };
}

/** The value with U+FFFD for halves of surrogate pairs, which no server in Python (vLLM, LiteLLM, infinity) can encode. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, wellFormed(each)]));
}

/** Refuses in one dialect what servers refuse in many. */
class Client extends OpenAI {
  protected override makeStatusError(
    status: number,
    body: object | undefined,
    text: string | undefined,
    headers: Headers,
  ) {
    return super.makeStatusError(status, { error: refusalOf(body ?? text, status) }, undefined, headers);
  }
}

/**
 * How long to wait before sending again what failed with `error`, in milliseconds; undefined where that would not help.
 * What was cut off or refused for the moment is sent again, what was refused for what it says is not.
 */
function pauseBefore(error: unknown, attempt: number, longestSeconds: number): number | undefined {
  if (!(error instanceof CodedError) || (error.code !== 'STORE_UNAVAILABLE' && error.code !== 'RATE_LIMITED'))
    return undefined;
  const status = refusalIn(error)?.status;
  if (status === 501 || (status !== undefined && status < 500 && status !== 429 && status !== 409)) return undefined;
  const { retryAfterSeconds } = error.extensions;
  if (typeof retryAfterSeconds === 'number')
    return retryAfterSeconds <= longestSeconds ? retryAfterSeconds * 1_000 : undefined;
  return INFERENCE.firstRetryMs * 2 ** attempt * (1 + Math.random());
}

const isNotFound = (error: unknown): boolean => [404, 405].includes((error as { status?: number }).status ?? 0);

/** Whether these are all that llama.cpp's server has: its one model, named after its file, whatever a request calls it. */
export function isOnlyOne(entries: readonly { readonly owned_by?: unknown }[]): boolean {
  return entries.length === 1 && entries[0]!.owned_by === 'llamacpp';
}
