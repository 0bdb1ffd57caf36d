/** Embeddings of an OpenAI-compatible server. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { EmbeddingAnswer, EmbeddingDriver, InferenceCall } from '../../driver.ts';
import { refusalIn } from './errors.ts';
import type { OpenAIServer } from './index.ts';

/** Texts in one request: what every server accepts (TEI's default limit). */
const BATCH = 32;
/** Requests of one call that are under way together. */
const CONCURRENCY = 4;

/** @param model the model's name on the server */
export function createOpenAIEmbedding(server: OpenAIServer, model: string): EmbeddingDriver {
  return new OpenAIEmbedding(server, model);
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

class OpenAIEmbedding implements EmbeddingDriver {
  readonly metered = true;
  readonly provider: string;
  readonly model: string;
  readonly #server: OpenAIServer;
  #dimensions: number | undefined;
  /** Texts in one request; less once the server has said so. */
  #batch = BATCH;

  constructor(server: OpenAIServer, model: string) {
    this.#server = server;
    this.provider = server.provider;
    this.model = model;
  }

  get dimensions(): number | undefined {
    return this.#dimensions;
  }

  async embed(call: InferenceCall, input: readonly string[]): Promise<EmbeddingAnswer> {
    const gathered: Gathered = { vectors: new Array(input.length), tooLong: new Map(), inputTokens: 0 };
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < input.length) {
        const from = next;
        next += this.#batch;
        const texts = input.slice(from, next).map((text, at) => ({ at: from + at, text }));
        await this.#embedAll(call, texts, gathered);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, Math.ceil(input.length / this.#batch)) }, work));
    const { vectors, tooLong, inputTokens } = gathered;
    return {
      vectors,
      dimensions: this.#dimensions ?? 0,
      ...(inputTokens === undefined ? {} : { usage: { inputTokens, outputTokens: 0 } }),
      ...(tooLong.size === 0 ? {} : { tooLong }),
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
    const asked = { model: this.model, modelVariable: 'EMBEDDING_MODEL', retries: 2 };
    const input = texts.map(({ text }) => text);
    const answer = await this.#server.ask(call, asked, (client, request) =>
      // Not every server knows the library's default, base64.
      client.embeddings.create({ model: this.model, input, encoding_format: 'float' }, request),
    );
    const vectors = new Array<Float32Array>(input.length);
    for (const { index, embedding } of Array.isArray(answer.data) ? answer.data : [])
      vectors[index] = this.#normalised(embedding);
    if (vectors.length !== input.length || Array.from(vectors).some((vector) => vector === undefined)) {
      throw this.#nonsense(`${answer.data?.length ?? 0} vectors for ${input.length} texts`);
    }
    const expected = (this.#dimensions ??= vectors[0]!.length);
    // Vectors of two lengths in one collection would make every ranking wrong, so a model that was exchanged behind its
    // name is refused.
    const other = vectors.find((vector) => vector.length !== expected);
    if (other) throw this.#nonsense(`${other.length} dimensions where it had ${expected} before`);
    vectors.forEach((vector, at) => (gathered.vectors[texts[at]!.at] = vector));
    const tokens = answer.usage?.prompt_tokens;
    gathered.inputTokens =
      gathered.inputTokens === undefined || tokens === undefined ? undefined : gathered.inputTokens + tokens;
  }

  #normalised(embedding: unknown): Float32Array {
    if (!Array.isArray(embedding) || embedding.length === 0) throw this.#nonsense('something that is not a vector');
    const vector = Float32Array.from(embedding as number[]);
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
