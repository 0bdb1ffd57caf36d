/** The data that plans read and write: JSON objects, with or without a prototype. */
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';

export interface JsonObject {
  [key: string]: unknown;
}

/** Whether the value is an object that is not a list. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Makes objects that inherit nothing. One from Object.create(null) is a hash table to V8: twice as slow to fill, read
 * and serialise.
 */
const Bare = function () {} as unknown as new () => JsonObject;
Bare.prototype = Object.freeze(Object.create(null));

/** An object on which every key is an ordinary one, `__proto__` and `constructor` too. */
export const emptyObject = (): JsonObject => new Bare();

/** The object's own value for the key, never one that its prototype has. */
export const own = (object: JsonObject, key: string): unknown => {
  const value = object[key];
  return value !== undefined && key in Object.prototype && !Object.hasOwn(object, key) ? undefined : value;
};

/** A copy of lists and objects; leaves are shared, and so are exact numbers. */
export function copyOfJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOfJson);
  if (!isObject(value) || value instanceof ExactNumber) return value;
  const copy = emptyObject();
  for (const key of Object.keys(value)) copy[key] = copyOfJson(value[key]);
  return copy;
}
