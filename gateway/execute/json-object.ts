/** The data that plans read and write: JSON objects, with or without a prototype. */
export interface JsonObject {
  [key: string]: unknown;
}

/** Whether the value is an object that is not a list. */
export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object on which every key is an ordinary one. */
export const emptyObject = (): JsonObject => Object.create(null) as JsonObject;

/** The object's own value for the key, never one that its prototype has. */
export const own = (object: JsonObject, key: string): unknown => {
  const value = object[key];
  return value !== undefined && key in Object.prototype && !Object.hasOwn(object, key) ? undefined : value;
};
