/** The interfaces of what answers inference: embedding models, chat models and rerankers. */
import type { RequestContext, StatementCounter } from '#subgraphs/shared/context.ts';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import type { EmbeddedAs } from '#subgraphs/shared/ports.ts';

/** What a call to a model carries. */
export interface InferenceCall {
  readonly statements: StatementCounter;
  /** Ends the call; the model stops working on it where its server supports that. */
  readonly signal?: AbortSignal;
}

/** Tokens that a call took; counted by the provider, or absent. */
export interface TokenCount {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** An embedding model. */
export interface EmbeddingDriver {
  /** Who runs the model: `built-in`, or the host of an OpenAI-compatible server. */
  readonly provider: string;
  /** The model's name; undefined when embedding is switched off. */
  readonly model: string | undefined;
  /**
   * What vectors of passages are compared within: the model's name and, where there is one, a mark of the prefix that they are
   * made with. @default the model's name
   */
  readonly space?: string | undefined;
  /** The number of dimensions; undefined until the first answer of a server. */
  readonly dimensions: number | undefined;
  /** Whether a call costs tokens that are worth recording. */
  readonly metered: boolean;
  /**
   * Texts that are too long for the model do not fail the others: all of them are found, and named. What fails otherwise is thrown,
   * or told in `failure` where other texts were embedded, and paid for, by then.
   */
  embed(call: InferenceCall, input: readonly string[], as?: EmbeddedAs): Promise<EmbeddingAnswer>;
  /** What the server says of the model; empty where it says nothing, or cannot be asked now. Absent where there is no server. */
  served?(): Promise<ServedModel>;
}

/** What a server says of its embedding model. */
export interface ServedModel {
  readonly dimensions?: number;
  /** The most tokens of one text. */
  readonly maxTokens?: number;
  /** Whether it cuts off what is longer without a word; else it refuses. */
  readonly truncates?: boolean;
  /** The most texts of one request. */
  readonly batch?: number;
}

export interface EmbeddingAnswer {
  /** One L2-normalised vector for each input, in order; a hole for each that is in `tooLong`, or that `failure` left out. */
  readonly vectors: Float32Array[];
  readonly dimensions: number;
  /** Absent where the provider counts none. */
  readonly usage?: TokenCount;
  /** The texts that the model refused for their length; absent where there are none. */
  readonly tooLong?: ReadonlyMap<number, CodedError>;
  /** Why some have no vector that are not too long; absent where all have. */
  readonly failure?: { readonly error: unknown };
}

export type ChatRole = 'SYSTEM' | 'USER' | 'ASSISTANT' | 'TOOL';

/** A call of a tool that the model wants made. */
export interface ToolCall {
  /** What its result is sent back under. */
  readonly id: string;
  readonly name: string;
  /** JSON text, as the model wrote it: nobody has checked it. */
  readonly arguments: string;
}

/** A message of a conversation. */
export interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
  /** Of an `ASSISTANT`: the calls that it wanted made. @default none */
  readonly toolCalls?: readonly ToolCall[] | null | undefined;
  /** Of a `TOOL`: the call that it is the result of. */
  readonly toolCallId?: string | null | undefined;
}

/** A function that the model may ask to have called. */
export interface ChatTool {
  readonly name: string;
  readonly description?: string | null | undefined;
  /** Its arguments as JSON Schema, as it came. */
  readonly parameters?: unknown;
}

export type ToolChoice = 'AUTO' | 'NONE' | 'REQUIRED';

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  /** What it may call. @default nothing */
  readonly tools?: readonly ChatTool[];
  /** Whether it may, must not or must call one; the server's default when absent, which is `AUTO`. */
  readonly toolChoice?: ToolChoice;
  /** The longest answer, in tokens. */
  readonly maxTokens: number;
  /** 0 (always the likeliest) to 2; the server's default when absent. */
  readonly temperature?: number;
  /** Texts at which the answer ends, without them. */
  readonly stop?: readonly string[];
  /** The protocol's fields that are left out where the model does not know them. Default: none, it is an error then */
  readonly optional?: readonly 'temperature'[];
}

export type FinishReason = 'STOP' | 'LENGTH' | 'TOOL_CALLS' | 'CONTENT_FILTER' | 'REFUSED' | 'OTHER';

export interface ChatAnswer {
  readonly text: string;
  /** What the model thought before it answered; empty where it says nothing of it. Never part of `text`. */
  readonly reasoning: string;
  /** What it wants called before it goes on; empty where it wants nothing. */
  readonly toolCalls: readonly ToolCall[];
  readonly model: string;
  readonly finishReason: FinishReason;
  readonly usage?: TokenCount;
}

/** A piece of a streamed answer. `toolCalls`, `finishReason` and `usage` come once, near the end. */
export interface ChatDelta {
  readonly text: string;
  readonly reasoning: string;
  /** Whole calls: nobody can do anything with a part of one. */
  readonly toolCalls?: readonly ToolCall[];
  readonly finishReason?: FinishReason;
  readonly usage?: TokenCount;
}

/** A chat model. Nothing is retried: a call that failed may have been paid for. */
export interface ChatDriver {
  readonly provider: string;
  /** The model's name; undefined when chat is switched off. */
  readonly model: string | undefined;
  generate(call: InferenceCall, request: ChatRequest): Promise<ChatAnswer>;
  /** Ending the iteration, or the call's signal, ends the request to the server. */
  stream(call: InferenceCall, request: ChatRequest): AsyncIterable<ChatDelta>;
}

/** A reranking model. */
export interface RerankDriver {
  readonly provider: string;
  /** Scores by index of the document, highest first; null where the server serves no reranking. */
  rerank(
    call: InferenceCall,
    query: string,
    documents: readonly string[],
  ): Promise<{ model: string | null; results: RerankScore[]; usage?: TokenCount } | null>;
}

export interface RerankScore {
  readonly index: number;
  readonly score: number;
}

/** What a server lists. */
export interface ListedModels {
  readonly ids: readonly string[];
  /** Whether it answers with the one that it has, whatever a request calls it, as llama.cpp's server does. */
  readonly anyName: boolean;
}

/** What a server says it serves. */
export interface ModelServer {
  readonly provider: string;
  /** The models served; undefined where the server lists none. */
  models(call: InferenceCall): Promise<ListedModels | undefined>;
  /** Milliseconds that a probe took. @throws CodedError */
  probe(): Promise<number>;
  close(): Promise<void>;
}

/** Something that is spent, or given back where it is negative. */
export interface Amount {
  readonly tokens: number;
  /** In the currency of the prices. */
  readonly money: number;
}

/** What was spent on a day. */
export interface DaySums {
  readonly tenant: Amount;
  /** Absent for the gateway's own work. */
  readonly principal?: Amount | undefined;
}

/** Keeps what was spent on models, by tenant, caller and day. */
export interface BudgetLedger {
  /**
   * Adds an amount to the sums of the context's tenant and caller.
   * @param day in UTC, as `2026-11-28`
   * @param check told of the sums with the amount; where it throws nothing is added
   */
  add(context: RequestContext, day: string, amount: Amount, check?: (sums: DaySums) => void): Promise<void>;
}
