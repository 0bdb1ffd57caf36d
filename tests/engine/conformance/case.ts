/** What a folder of the conformance suite says: a supergraph, and what operations on it must answer. */
import type { EngineOptions } from '#gateway/execute/engine.ts';
import { numberOf } from '#subgraphs/shared/exact-number.ts';
import type { TestSubgraph } from '../federation.ts';

export interface Conformance {
  readonly subgraphs: Readonly<Record<string, TestSubgraph>>;
  /** By what they show. */
  readonly operations: Readonly<Record<string, ConformanceOperation>>;
  readonly engine?: Partial<EngineOptions>;
  /** Subgraphs that answer nothing: whatever they are asked fails as a whole. @default none */
  readonly down?: readonly string[];
}

export interface ConformanceOperation {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
  /** Of the request; decides progressive overrides. @default a random one */
  readonly requestId?: string;
  /**
   * Whether parts of it may be deferred at random: a deferred part asks for its objects again, by their keys, and where its
   * fields have other values there the parts do not add up. @default true
   */
  readonly inParts?: boolean;
  /** Reasoned from GraphQL's and Federation's specifications. */
  readonly data: unknown;
  /** @default none */
  readonly errors?: readonly ExpectedError[];
  /** How many requests each subgraph should get, where the specification or a directive's purpose settles it. */
  readonly requests?: Readonly<Record<string, number>>;
}

export interface ExpectedError {
  readonly path: readonly (string | number)[];
  /** `extensions.code`. @default any */
  readonly code?: string;
  /** `extensions.affected`: how many places a failed fetch left without a value. @default none is told */
  readonly affected?: number;
}

/** Types a folder's case. */
export const conformance = (value: Conformance): Conformance => value;

/** A number of an expected answer, or of variables, by its text. */
export const exact = (text: string): number => numberOf(text) as number;
