/** What the operations of the subgraph answer. */
import type { FinishReason, TokenCount, ToolCall } from '../driver.ts';

export interface Embedding {
  index: number;
  model: string;
  dimensions: number;
  vector: Float32Array;
}

export interface GenerationUsage extends TokenCount {
  /** Whether the tokens were estimated here from the number of characters. */
  estimated: boolean;
}

export interface Generation {
  text: string;
  reasoning: string | null;
  toolCalls: readonly ToolCall[];
  model: string;
  finishReason: FinishReason;
  usage: GenerationUsage;
}

export interface Reranking {
  method: 'MODEL' | 'EMBEDDING';
  model: string | null;
  results: { index: number; score: number; document: string }[];
}

export interface Summary {
  text: string;
  method: 'EXTRACTIVE' | 'MODEL';
  model: string | null;
}
