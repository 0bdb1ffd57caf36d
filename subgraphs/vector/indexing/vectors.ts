/**
 * Vectors as callers and models send them: checked and normalised once, so that a cosine is a dot product from then on.
 */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { VECTOR } from '../bounds.ts';

/**
 * A caller's vector with length 1.
 * @param label names the vector in errors
 * @throws CodedError `BAD_USER_INPUT` for no or too many numbers, one that is not finite, or all zeros (no direction)
 */
export function callersVector(values: readonly number[], label: string): Float32Array {
  if (values.length === 0 || values.length > VECTOR.dimensions) {
    throw badUserInput(`${label} must have 1 to ${VECTOR.dimensions} numbers; got ${values.length}.`);
  }
  // Scaled by the largest first: squaring a large double would overflow.
  let largest = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) throw badUserInput(`${label} contains a number that is not finite.`);
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest === 0) throw badUserInput(`${label} is all zeros, which has no direction to compare.`);
  return unit(values, largest);
}

/**
 * A model's vector with length 1; all zeros stay, for models that see nothing in a text.
 * @throws Error when the model sent something that is no vector
 */
export function modelsVector(values: Float32Array, dimensions: number): Float32Array {
  if (values.length !== dimensions)
    throw new Error(`The embedder announced ${dimensions} dimensions and sent ${values.length}.`);
  let squares = 0;
  for (const value of values) squares += value * value;
  if (!Number.isFinite(squares)) throw new Error('The embedder sent a number that is not finite.');
  if (squares === 0 || Math.abs(squares - 1) < 1e-6) return values;
  return unit(values, 1);
}

/** The normalised mean of normalised vectors: what a document's vector is. */
export function meanVector(vectors: readonly Float32Array[], dimensions: number): Float32Array {
  const sum = new Float64Array(dimensions);
  for (const vector of vectors) for (let i = 0; i < dimensions; i++) sum[i]! += vector[i]!;
  return unit(sum, 1);
}

function unit(values: ArrayLike<number>, scale: number): Float32Array {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! / scale) ** 2;
  const result = new Float32Array(values.length);
  if (squares === 0) return result;
  const length = Math.sqrt(squares);
  for (let i = 0; i < values.length; i++) result[i] = values[i]! / scale / length;
  return result;
}
