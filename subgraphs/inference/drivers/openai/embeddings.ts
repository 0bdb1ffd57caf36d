/** Embeddings of an OpenAI-compatible server. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { EmbeddingDriver, InferenceCall, TokenCount } from '../../driver.ts';
import type { OpenAIServer } from './index.ts';

/** Texts in one request: what every server accepts (TEI's default limit). */
const BATCH = 32;
/** Requests of one call that are under way together. */
const CONCURRENCY = 4;

/** @param model the model's name on the server */
export function createOpenAIEmbedding(server: OpenAIServer, model: string): EmbeddingDriver {
  return new OpenAIEmbedding(server, model);
}

class OpenAIEmbedding implements EmbeddingDriver {
  readonly metered = true;
  readonly provider: string;
  readonly model: string;
  readonly #server: OpenAIServer;
  #dimensions: number | undefined;

  constructor(server: OpenAIServer, model: string) {
    this.#server = server;
    this.provider = server.provider;
    this.model = model;
  }

  get dimensions(): number | undefined {
    return this.#dimensions;
  }

  async embed(
    call: InferenceCall,
    input: readonly string[],
  ): Promise<{ vectors: Float32Array[]; dimensions: number; usage?: TokenCount }> {
    const vectors = new Array<Float32Array>(input.length);
    let inputTokens: number | undefined = 0;
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < input.length) {
        const from = next;
        next += BATCH;
        const batch = await this.#embedBatch(call, input.slice(from, from + BATCH));
        batch.vectors.forEach((vector, at) => (vectors[from + at] = vector));
        inputTokens = inputTokens === undefined || batch.tokens === undefined ? undefined : inputTokens + batch.tokens;
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, Math.ceil(input.length / BATCH)) }, work));
    return {
      vectors,
      dimensions: this.#dimensions!,
      ...(inputTokens === undefined ? {} : { usage: { inputTokens, outputTokens: 0 } }),
    };
  }

  async #embedBatch(
    call: InferenceCall,
    input: string[],
  ): Promise<{ vectors: Float32Array[]; tokens: number | undefined }> {
    const asked = { model: this.model, modelVariable: 'EMBEDDING_MODEL', retries: 2 };
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
    return { vectors, tokens: answer.usage?.prompt_tokens };
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
