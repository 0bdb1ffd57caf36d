/** What is told of calls of models that cost tokens to whoever watches: the gateway's telemetry. */
import type { Span } from './span.ts';

/** A call of a model as it begins. */
export interface StartedModelCall {
  readonly operation: 'chat' | 'embeddings' | 'rerank';
  /** The host of its server, with the port where it has one of its own. */
  readonly server: string;
  /** Undefined where the server alone knows it. */
  readonly model: string | undefined;
  /** The step of a request that it is a part of; undefined where nobody traces it. */
  readonly parent: Span | undefined;
  /** What it is asked. Called where the operator has that shown alone. @default nothing is shown */
  readonly input?: (() => readonly ModelMessage[]) | undefined;
}

export interface ModelMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: string;
}

/** What came of it. */
export interface EndedModelCall {
  /** The model that answered, as its server names it. @default the one that was asked */
  readonly model?: string | undefined;
  /** Tokens that it took, estimated where the server counted none. @default none */
  readonly tokens?: { readonly inputTokens: number; readonly outputTokens: number; readonly estimated: boolean };
  /** What they cost in the currency of the operator's prices; undefined where he says none. */
  readonly money?: number | undefined;
  /** Such as `stop` or `length`. */
  readonly finishReason?: string | undefined;
  /** What it answered. Called where the operator has that shown alone. */
  readonly output?: (() => string) | undefined;
  /** What it failed with. */
  readonly error?: unknown;
}

/** Told of each call as it begins. @returns to be called once when it has ended */
export type ModelObserver = (call: StartedModelCall) => (end: EndedModelCall) => void;
