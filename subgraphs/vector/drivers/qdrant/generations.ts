/** Which collection in Qdrant is the one of the operator's name, and which one is being filled to take its place. */
import { createHash } from 'node:crypto';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { conflict, type CodedError } from '#subgraphs/shared/errors.ts';
import { VECTOR } from '../../bounds.ts';
import type { VectorModel } from '../../driver.ts';
import { isSameModel } from '../../indexing/collection.ts';
import { Moved } from './collection.ts';
import type { QdrantConnection } from './connection.ts';
import { Generation } from './generation.ts';

export interface GenerationsOptions {
  readonly connection: QdrantConnection;
  /** The operator's name: the collection of that name is the first one, and tells of the one that has its place. */
  readonly collection: string;
  readonly checked?: number | undefined;
}

export class Generations {
  /** The one that has the operator's name. */
  readonly first: Generation;
  readonly #options: GenerationsOptions;
  #current: Generation;
  readonly #named = new Map<string, Generation>();
  /** The model that this process embeds with, once it is known to be another than the current one's. */
  #wanted: VectorModel | undefined;
  #next: { readonly generation: Generation; readonly filled: boolean; readonly at: number } | undefined;

  constructor(options: GenerationsOptions) {
    this.#options = options;
    this.first = this.named(options.collection);
    this.#current = this.first;
  }

  named(name: string): Generation {
    const { connection, collection: called, checked } = this.#options;
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const made = new Generation({ connection, name, called, first: name === called ? undefined : called, checked });
    if (this.#named.size === VECTOR.qdrantMoves) this.#named.clear();
    this.#named.set(name, made);
    return made;
  }

  /** That for vectors of a model: by its name alone, so that all processes mean the same, and whoever is killed finds it again. */
  successor({ model, dimensions }: VectorModel): Generation {
    const digest = createHash('sha256').update(`${dimensions}:${model}`).digest('hex').slice(0, 12);
    return this.named(`${this.#options.collection}_${digest}`);
  }

  /** Does something with the current one, and again where its place was taken. */
  async follow<T>(use: (current: Generation) => Promise<T>): Promise<T> {
    for (let moves = 0; ; moves++) {
      const current = this.#current;
      try {
        return await use(current);
      } catch (error) {
        if (moves === VECTOR.qdrantMoves || !(error instanceof Moved)) throw error;
        this.#current = this.named(error.to);
        this.#next = undefined;
      }
    }
  }

  /** The model that this process embeds with. */
  want(model: VectorModel): void {
    this.#wanted = model;
  }

  /** Whether this process embeds with another model than the current one's. */
  get wants(): boolean {
    return this.#wanted !== undefined;
  }

  /** The one that is being filled for a model, this process's where none is named; undefined where there is none. */
  async beingFilled(
    context: RequestContext,
    current: Generation,
    model = this.#wanted,
  ): Promise<Generation | undefined> {
    if (model === undefined) return undefined;
    const info = await current.chunks.info(context);
    if (info === undefined) return undefined;
    if (isSameModel(info, model)) {
      if (this.#wanted === model) this.#wanted = undefined;
      return undefined;
    }
    const generation = this.successor(model);
    const name = generation.chunks.name;
    if (name === current.chunks.name) return undefined;
    if (
      this.#next?.generation.chunks.name !== name ||
      performance.now() - this.#next.at > (this.#next.filled ? VECTOR.qdrantLookMs : VECTOR.qdrantAbsentMs)
    ) {
      const facts = await generation.chunks.facts(context);
      this.#next = { generation, filled: facts?.filling === 'yes', at: performance.now() };
    }
    return this.#next.filled ? this.#next.generation : undefined;
  }

  /** How many texts the current one has, and how many of them the next. */
  async counts(
    context: RequestContext,
    current: Generation,
    next: Generation,
  ): Promise<{ done: number; total: number }> {
    const [total, done] = await Promise.all([current, next].map((each) => each.countAll(context)));
    return { done: Math.min(done!, total!), total: total! };
  }

  /** What is said to searches by vectors of the model that is not done yet. */
  async unfinished(context: RequestContext, current: Generation, model: VectorModel): Promise<CodedError> {
    const { done, total } = await this.counts(context, current, this.successor(model));
    return conflict(
      `What is stored is being embedded again with the model ${JSON.stringify(model.model)}: ${done} of ${total} texts are done.`,
      { hint: 'Ask again later, or by KEYWORD, which finds all of them.' },
    );
  }

  /** Whoever is next to ask looks anew. */
  forget(): void {
    this.#next = undefined;
    this.#current.chunks.forget();
  }
}
