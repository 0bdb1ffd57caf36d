/**
 * Vectors as small whole numbers, which scan four times as fast as they would from memory as floats, and how far a score by
 * them can be from the true one: so that comparing by codes leaves out nothing that could be among the best.
 */

/** A row's codes are a byte each. */
const ROW_LEVELS = 127;
const QUERY_LEVELS = 32_767;
const SUM_LIMIT = 2 ** 31 - 1;

/** What rounding 32-bit floats twice can change of a product, and more: it is relative to the vectors' lengths. */
const ROUNDING = 1e-6;

/** Bytes of a row of codes: whole lanes of the kernel. */
export const widthOf = (dimensions: number): number => Math.ceil(dimensions / 16) * 16;

/** A row's codes were written. */
export interface CodedRow {
  /** What one code stands for, a 32-bit float. */
  readonly scale: number;
  /** The length of what the codes leave out of the vector, rounded up. */
  readonly error: number;
  /** The length of the vector that the codes stand for. */
  readonly length: number;
}

/** Writes the codes of a vector. @param codes receives them; as long as {@link widthOf} says */
export function encodeRow(vector: Float32Array, codes: Int8Array): CodedRow {
  let most = 0;
  for (const value of vector) most = Math.max(most, Math.abs(value));
  const scale = Math.fround(most / ROW_LEVELS);
  if (scale === 0) return { scale: 0, error: lengthOf(vector), length: 0 };
  let missing = 0;
  let squares = 0;
  for (let i = 0; i < vector.length; i++) {
    // Never beyond a byte, though the scale was rounded.
    const code = Math.max(-ROW_LEVELS, Math.min(ROW_LEVELS, Math.round(vector[i]! / scale)));
    codes[i] = code;
    missing += (vector[i]! - code * scale) ** 2;
    squares += (code * scale) ** 2;
  }
  return { scale, error: Math.fround(Math.sqrt(missing) * (1 + ROUNDING)), length: Math.sqrt(squares) };
}

/** A query, and what its scores by codes can be wrong by. */
export interface CodedQuery {
  readonly vector: Float32Array;
  readonly codes: Int16Array;
  /** What one code stands for. */
  readonly scale: number;
  /** The vector's length: times a row's error, it is the most that the row's codes change of the score. */
  readonly length: number;
  /** The most that the query's own codes and rounding change, for a row of length 1. */
  readonly error: number;
}

/** The codes of a query: 16 bits, but no more than its product with any row leaves in 32. */
export function encodeQuery(vector: Float32Array): CodedQuery {
  let most = 0;
  let sum = 0;
  for (const value of vector) {
    most = Math.max(most, Math.abs(value));
    sum += Math.abs(value);
  }
  const codes = new Int16Array(widthOf(vector.length));
  const length = lengthOf(vector);
  if (most === 0) return { vector, codes, scale: 0, length, error: ROUNDING * length };
  // Each code may be half more than its share of the sum.
  const levels = Math.min(QUERY_LEVELS, ((SUM_LIMIT / ROW_LEVELS - vector.length) * most) / sum);
  const scale = most / levels;
  let missing = 0;
  for (let i = 0; i < vector.length; i++) {
    codes[i] = Math.round(vector[i]! / scale);
    missing += (vector[i]! - codes[i]! * scale) ** 2;
  }
  return { vector, codes, scale, length, error: Math.sqrt(missing) + ROUNDING * length };
}

const lengthOf = (vector: Float32Array): number => {
  let squares = 0;
  for (const value of vector) squares += value * value;
  return Math.sqrt(squares);
};

/** The product of a vector with a row. Four sums, so that one addition need not wait for the one before. */
export function dot(rows: Float32Array, offset: number, query: Float32Array): number {
  const { length } = query;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    a += rows[offset + i]! * query[i]!;
    b += rows[offset + i + 1]! * query[i + 1]!;
    c += rows[offset + i + 2]! * query[i + 2]!;
    d += rows[offset + i + 3]! * query[i + 3]!;
  }
  for (; i < length; i++) a += rows[offset + i]! * query[i]!;
  return a + b + c + d;
}
