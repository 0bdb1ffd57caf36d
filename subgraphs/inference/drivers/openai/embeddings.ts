/** Embeddings of an OpenAI-compatible server. */
import { createHash } from 'node:crypto';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { INFERENCE, type InferenceBounds } from '../../bounds.ts';
import type { EmbeddedAs } from '#subgraphs/shared/ports.ts';
import type { EmbeddingAnswer, EmbeddingDriver, InferenceCall, ServedModel } from '../../driver.ts';
import { Accommodation } from './accommodation.ts';
import { refusalIn } from './errors.ts';
import type { OpenAIServer } from './index.ts';
import { askServedModel } from './served-model.ts';
import { inputTokens } from './token-count.ts';

export interface OpenAIEmbeddingOptions extends Pick<
  InferenceBounds,
  'embeddingBatch' | 'embeddingConcurrency' | 'embeddingRetries'
> {
  /** Stands before each text that is asked by. @default none */
  readonly queryPrefix?: string | undefined;
  /** Stands before each text that is to be found. @default none */
  readonly passagePrefix?: string | undefined;
  /** How many of a vector's first dimensions are used. @default all */
  readonly dimensions?: number | undefined;
}

/** @param model the model's name on the server */
export function createOpenAIEmbedding(
  server: OpenAIServer,
  model: string,
  options: OpenAIEmbeddingOptions = {},
): EmbeddingDriver {
  return new OpenAIEmbedding(server, model, options);
}

/** A text, and where its vector goes. */
interface Text {
  readonly at: number;
  readonly text: string;
}

/** What one call has gathered so far. */
interface Gathered {
  readonly vectors: Float32Array[];
  readonly tooLong: Map<number, CodedError>;
  /** Tokens counted by the server; undefined once an answer came without. */
  inputTokens: number | undefined;
}

interface EmbeddingsAnswer {
  readonly data?: unknown;
  readonly usage?: unknown;
}

class OpenAIEmbedding implements EmbeddingDriver {
  readonly metered = true;
  readonly provider: string;
  readonly model: string;
  readonly space: string;
  readonly #server: OpenAIServer;
  readonly #prefixes: Readonly<Record<EmbeddedAs, string>>;
  /** How many dimensions were asked for. */
  readonly #wanted: number | undefined;
  readonly #accommodation = new Accommodation();
  #dimensions: number | undefined;
  /** Texts in one request; less once the server has said so. */
  #batch: number;
  readonly #concurrency: number;
  readonly #retries: number;
  #served: Promise<ServedModel> | undefined;

  constructor(server: OpenAIServer, model: string, options: OpenAIEmbeddingOptions) {
    this.#batch = options.embeddingBatch ?? INFERENCE.embeddingBatch;
    this.#concurrency = options.embeddingConcurrency ?? INFERENCE.embeddingConcurrency;
    this.#retries = options.embeddingRetries ?? INFERENCE.embeddingRetries;
    const { queryPrefix = '', passagePrefix = '' } = options;
    this.#prefixes = { QUERY: queryPrefix, PASSAGE: passagePrefix };
    this.#wanted = options.dimensions;
    this.#server = server;
    this.provider = server.provider;
    this.model = model;
    // What stands before a query is in no stored vector.
    this.space = passagePrefix === '' ? model : `${model}+${digest(passagePrefix)}`;
  }

  get dimensions(): number | undefined {
    return this.#dimensions;
  }

  served(): Promise<ServedModel> {
    this.#served ??= askServedModel(this.#server, this.model).then(
      (served) => {
        this.#batch = Math.min(this.#batch, served.batch ?? this.#batch);
        return served;
      },
      () => {
        // Whoever embeds now is told why the server fails; it is asked again later.
        setTimeout(() => (this.#served = undefined), INFERENCE.servedAskAgainMs).unref();
        return {};
      },
    );
    return this.#served;
  }

  async embed(call: InferenceCall, unmarked: readonly string[], as: EmbeddedAs = 'PASSAGE'): Promise<EmbeddingAnswer> {
    await this.served();
    const prefix = this.#prefixes[as];
    const input = prefix === '' ? unmarked : unmarked.map((text) => `${prefix}${text}`);
    const gathered: Gathered = { vectors: new Array(input.length), tooLong: new Map(), inputTokens: 0 };
    let next = 0;
    let failure: { error: unknown } | undefined;
    const work = async (): Promise<void> => {
      // Once one request has failed no further one is sent: what it came to would be paid for nothing.
      while (next < input.length && failure === undefined) {
        const from = next;
        next += this.#batch;
        const texts = input.slice(from, next).map((text, at) => ({ at: from + at, text }));
        await this.#embedAll(call, texts, gathered).catch((error: unknown) => (failure ??= { error }));
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#concurrency, Math.ceil(input.length / this.#batch)) }, work));
    const { vectors, tooLong, inputTokens } = gathered;
    if (failure !== undefined && vectors.every((vector) => vector === undefined))
      throw (failure as { error: Error }).error;
    return {
      vectors,
      dimensions: this.#dimensions ?? 0,
      ...(inputTokens === undefined ? {} : { usage: { inputTokens, outputTokens: 0 } }),
      ...(tooLong.size === 0 ? {} : { tooLong }),
      ...(failure === undefined ? {} : { failure }),
    };
  }

  /** Embeds `texts` in one request, or in ever smaller ones where that is refused for being too much. */
  async #embedAll(call: InferenceCall, texts: readonly Text[], gathered: Gathered): Promise<void> {
    try {
      await this.#embedBatch(call, texts, gathered);
    } catch (error) {
      const excess = refusalIn(error)?.excess;
      if (!excess || !(error instanceof CodedError)) throw error;
      if (texts.length === 1) {
        if (excess.unit === 'TEXTS') throw error;
        gathered.tooLong.set(texts[0]!.at, error);
        return;
      }
      if (excess.unit === 'TEXTS') this.#batch = Math.min(this.#batch, Math.max(1, excess.limit ?? texts.length >> 1));
      // Servers do not say which text it was. Long ones are halved off first, so that the rest is asked for only once more.
      const byLength = [...texts].sort((a, b) => b.text.length - a.text.length);
      const half = texts.length >> 1;
      await this.#embedAll(call, byLength.slice(0, half), gathered);
      await this.#embedAll(call, byLength.slice(half), gathered);
    }
  }

  async #embedBatch(call: InferenceCall, texts: readonly Text[], gathered: Gathered): Promise<void> {
    const asked = { model: this.model, modelVariable: 'EMBEDDING_MODEL', retries: this.#retries };
    const input = texts.map(({ text }) => text);
    const answer = await this.#server.ask(call, asked, ({ post }) =>
      // Base64 would be shorter, but not every server knows it.
      this.#accommodation.send(
        {
          model: this.model,
          input,
          ...(this.#wanted === undefined ? {} : { dimensions: this.#wanted }),
          encoding_format: 'float',
        },
        (body) => post<EmbeddingsAnswer>('/embeddings', body),
      ),
    );
    const vectors = this.#inOrder(answer, input.length).map((embedding) => this.#normalised(embedding));
    const expected = (this.#dimensions ??= vectors[0]!.length);
    // Vectors of two lengths in one collection would make every ranking wrong, so a model that was exchanged behind its
    // name is refused.
    const other = vectors.find((vector) => vector.length !== expected);
    if (other) throw this.#nonsense(`${other.length} dimensions where it had ${expected} before`);
    vectors.forEach((vector, at) => (gathered.vectors[texts[at]!.at] = vector));
    const tokens = inputTokens(answer.usage);
    gathered.inputTokens =
      gathered.inputTokens === undefined || tokens === undefined ? undefined : gathered.inputTokens + tokens;
  }

  /** The vectors in the order of the texts: by `index`; by place where servers give none, or 0 to each. */
  #inOrder({ data }: EmbeddingsAnswer, count: number): unknown[] {
    const items = Array.isArray(data) ? (data as readonly ({ index?: unknown; embedding?: unknown } | null)[]) : [];
    if (items.length !== count) throw this.#nonsense(`${items.length} vectors for ${count} texts`);
    if (items.every((item) => item?.index === undefined || item.index === null || item.index === 0))
      return items.map((item) => item?.embedding);
    const inOrder = new Array<unknown>(count).fill(undefined);
    for (const item of items) {
      const at = item?.index;
      if (!Number.isInteger(at) || (at as number) < 0 || (at as number) >= count || inOrder[at as number] !== undefined)
        throw this.#nonsense('vectors that cannot be told apart');
      inOrder[at as number] = item!.embedding;
    }
    return inOrder;
  }

  #normalised(embedding: unknown): Float32Array {
    const whole = numbersIn(embedding);
    if (!whole || whole.length === 0) throw this.#nonsense('something that is not a vector');
    const wanted = this.#wanted ?? whole.length;
    if (whole.length < wanted)
      throw new CodedError(
        'STORE_UNAVAILABLE',
        `The embedding model ${JSON.stringify(this.model)} makes ${whole.length} dimensions; EMBEDDING_DIMENSIONS is ${wanted}.`,
        { hint: `Set EMBEDDING_DIMENSIONS to ${whole.length} or less, or leave it unset, and restart.` },
      );
    // A server that does not know of `dimensions`, or that was not to be asked so, sends all.
    const vector = whole.subarray(0, wanted);
    let squares = 0;
    for (const value of vector) squares += value * value;
    if (!Number.isFinite(squares) || squares === 0) throw this.#nonsense('a vector without a direction');
    const norm = Math.sqrt(squares);
    return vector.map((value) => value / norm);
  }

  #nonsense(what: string): CodedError {
    return new CodedError(
      'STORE_UNAVAILABLE',
      `The embedding model ${JSON.stringify(this.model)} answered with ${what}.`,
      {
        hint: 'Check that EMBEDDING_MODEL names an embedding model, and restart after exchanging it.',
      },
    );
  }
}

/** Tells prefixes apart in the name of what vectors are compared within. */
const digest = (prefix: string): string => createHash('sha256').update(prefix).digest('hex').slice(0, 8);

/** Numbers as a list, or as base64 of 32-bit floats, which some servers send to whoever names no form. */
function numbersIn(embedding: unknown): Float32Array | undefined {
  if (Array.isArray(embedding))
    return embedding.every((value) => typeof value === 'number') ? Float32Array.from(embedding as number[]) : undefined;
  if (typeof embedding !== 'string') return undefined;
  const bytes = Buffer.from(embedding, 'base64');
  if (bytes.length % 4 !== 0) return undefined;
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
}
