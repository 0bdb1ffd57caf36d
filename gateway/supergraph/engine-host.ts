/** The engine that serves, and those before it until their last operation has ended. */
import type { GraphQLSchema } from 'graphql';

/** What the host needs of an engine. */
export interface HostedEngine<Self> {
  readonly schema: GraphQLSchema;
  warm(other: Self): Promise<void>;
  close(): Promise<void>;
}

/** One operation's hold on an engine. */
export interface EngineLease<E> {
  readonly engine: E;
  /** The operation has ended, and a subscription its last event. Idempotent. */
  release(): void;
}

interface Hosted<E> {
  readonly engine: E;
  /** Ends what belongs to this engine alone, such as its clients. */
  readonly dispose: () => Promise<void>;
  leases: number;
  retired: boolean;
}

export class EngineHost<E extends HostedEngine<E>> {
  #serving: Hosted<E> | undefined;
  readonly #retiring = new Set<Hosted<E>>();
  readonly #onError: (error: unknown) => void;

  /** @param onError told when an engine that nobody uses any more cannot be closed */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** The API schema that serves. */
  get schema(): GraphQLSchema {
    return this.#hosted.engine.schema;
  }

  /** The engine that serves, to look at: hold it by {@link lease} to use it. */
  get engine(): E {
    return this.#hosted.engine;
  }

  /** Holds the engine that serves now; what replaces it does not disturb the holder. */
  lease(): EngineLease<E> {
    const hosted = this.#hosted;
    hosted.leases += 1;
    let held = true;
    return {
      engine: hosted.engine,
      release: () => {
        if (!held) return;
        held = false;
        hosted.leases -= 1;
        this.#closeIfUnused(hosted);
      },
    };
  }

  /** Puts `engine` in the place of the one that serves, warmed with what that one was asked. */
  async replace(engine: E, dispose: () => Promise<void>): Promise<void> {
    const before = this.#serving;
    if (before !== undefined) await engine.warm(before.engine);
    this.#serving = { engine, dispose, leases: 0, retired: false };
    if (before !== undefined) this.#retire(before);
  }

  /** Ends all engines, whoever still holds them. */
  async close(): Promise<void> {
    const all = [...this.#retiring, ...(this.#serving === undefined ? [] : [this.#serving])];
    this.#retiring.clear();
    this.#serving = undefined;
    await Promise.all(all.map(end));
  }

  get #hosted(): Hosted<E> {
    if (this.#serving === undefined) throw new Error('No engine serves.');
    return this.#serving;
  }

  #retire(hosted: Hosted<E>): void {
    hosted.retired = true;
    this.#retiring.add(hosted);
    this.#closeIfUnused(hosted);
  }

  #closeIfUnused(hosted: Hosted<E>): void {
    if (!hosted.retired || hosted.leases > 0 || !this.#retiring.delete(hosted)) return;
    end(hosted).catch(this.#onError);
  }
}

async function end<E extends HostedEngine<E>>(hosted: Hosted<E>): Promise<void> {
  await hosted.engine.close();
  await hosted.dispose();
}
