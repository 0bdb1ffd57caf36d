/**
 * What one subgraph needs of another besides entities. `gateway/mount/` injects the implementations: in process
 * when both run here, calls with an internal token when the other runs as a server of its own.
 */
import type { RequestContext } from './context.ts';

/** Turns text into vectors; provided by `inference`, used by `vector`. */
export interface Embedder {
  /**
   * Embeds every input in one batch.
   * @returns the model's name, its number of dimensions and one L2-normalised vector for each input, in order
   * @throws CodedError `STORE_DISABLED`, `STORE_UNAVAILABLE`, `STORE_TIMEOUT` or `RATE_LIMITED`; `BAD_USER_INPUT`
   *   where texts are longer than the model takes, all of which `tooLongOf` (errors.ts) names together with the limit
   */
  embed(context: RequestContext, input: readonly string[]): Promise<Embeddings>;
  /**
   * Finds out {@link model}, where that is known by asking only. Absent where it is known from the start.
   * @throws CodedError as {@link embed}
   */
  learn?(context: RequestContext): Promise<void>;
  /**
   * The model that {@link embed} uses; `undefined` when embedding is switched off, and while nobody has asked where it has
   * to be asked for.
   */
  readonly model: { readonly name: string; readonly dimensions?: number } | undefined;
}

export interface Embeddings {
  readonly model: string;
  readonly dimensions: number;
  readonly vectors: readonly Float32Array[];
}

/** Records tokens spent; provided by `relational`, used by `inference`. */
export interface UsageSink {
  /** Writes one usage record. Must not fail the call that spent the tokens: callers log a rejection and go on. */
  record(context: RequestContext, usage: Usage): Promise<void>;
}

export interface Usage {
  readonly operation: 'EMBED' | 'GENERATE' | 'RERANK';
  readonly provider: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Whether the tokens were counted by the provider or estimated here. */
  readonly estimated: boolean;
}

/** Keeps a run's archived events; provided by `object`, used by `runs`. */
export interface ArchiveSink {
  /** Stores `body` under `key` for the context's tenant, replacing what is there. */
  put(context: RequestContext, key: string, contentType: string, body: Uint8Array): Promise<void>;
}

/** Which runs there are; provided by `runs`, used by `relational`. */
export interface RunLookup {
  /** Whether the caller's tenant has the run. */
  exists(context: RequestContext, runId: string): Promise<boolean>;
}

/** Every port by name. */
export interface Ports {
  embedder: Embedder;
  usageSink: UsageSink;
  archiveSink: ArchiveSink;
  runLookup: RunLookup;
}
