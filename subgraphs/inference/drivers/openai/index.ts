/**
 * The connection to one OpenAI-compatible server (OpenAI, vLLM, Ollama, TEI, LiteLLM, llama.cpp): client, pool,
 * time-outs and the list of its models. What is asked of it is in `openai-embeddings.ts`, `openai-chat.ts` and
 * `openai-rerank.ts`.
 */
import OpenAI from 'openai';
import { Agent, fetch } from 'undici';
import type { Secret } from '#subgraphs/shared/secret.ts';
import type { InferenceCall, ModelServer } from '../../driver.ts';
import { openaiError, type Asked } from './errors.ts';

/** The longest wait for a connection, in milliseconds. */
const CONNECT_MS = 5_000;
/** The longest wait of a probe, in milliseconds. */
const PROBE_MS = 1_000;

export interface OpenAIServerOptions {
  readonly baseUrl: string;
  readonly apiKey?: Secret;
  /** For a whole answer, and between two pieces of a stream; in milliseconds. */
  readonly timeoutMs: number;
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

/** One server. This module, and the client library with it, is only loaded where one is configured. */
export class OpenAIServer implements ModelServer {
  readonly provider: string;
  readonly baseUrl: string;
  readonly #options: OpenAIServerOptions;
  readonly #dispatcher: Agent;
  readonly #client: OpenAI;

  constructor(options: OpenAIServerOptions) {
    this.#options = options;
    this.baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.provider = new URL(this.baseUrl).host;
    const { apiKey, timeoutMs } = options;
    this.#dispatcher = new Agent({
      connect: { timeout: CONNECT_MS },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    this.#client = new OpenAI({
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
      fetchOptions: { dispatcher: this.#dispatcher } as never,
    });
  }

  /**
   * Calls the server and maps what goes wrong. Each call is counted as one statement, its repetitions are not.
   * @param use receives the client and the options to pass on with the request
   */
  async ask<T>(
    call: InferenceCall,
    options: AskOptions,
    use: (client: OpenAI, request: RequestOptions) => Promise<T>,
  ): Promise<T> {
    call.statements.add('openai');
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs;
    const signals = [
      ...(call.signal ? [call.signal] : []),
      ...(options.stream ? [] : [AbortSignal.timeout(timeoutMs)]),
    ];
    try {
      return await use(this.#client, {
        signal: AbortSignal.any(signals),
        maxRetries: options.retries ?? 0,
        timeout: timeoutMs,
      });
    } catch (error) {
      throw this.error(error, call, options);
    }
  }

  /** What `error`, thrown by the client library outside of {@link ask}, means. */
  error(
    error: unknown,
    { signal }: InferenceCall,
    { model, modelVariable }: Pick<Asked, 'model' | 'modelVariable'>,
  ): unknown {
    return openaiError(error, { model, modelVariable, urlVariable: this.#options.urlVariable, signal });
  }

  async models(call: InferenceCall): Promise<string[] | undefined> {
    return this.ask(call, { retries: 1 }, async (client, request) => {
      try {
        const ids: string[] = [];
        for await (const model of client.models.list(request)) {
          if (typeof model.id === 'string') ids.push(model.id);
          if (ids.length === 1_000) break;
        }
        return ids;
      } catch (error) {
        if (isNotFound(error)) return undefined; // TEI, for one, serves models without listing them.
        throw error;
      }
    });
  }

  async probe(): Promise<number> {
    const started = performance.now();
    await this.ask({ statements: { add() {} } as never }, { timeoutMs: PROBE_MS }, async (client, request) => {
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

const isNotFound = (error: unknown): boolean => [404, 405].includes((error as { status?: number }).status ?? 0);
