/**
 * JSON Patch (RFC 6902) over JSON Pointer (RFC 6901), for untrusted patches: only own properties are seen, so that
 * `__proto__` and `toString` are ordinary keys; the document may be replaced as a whole; a patch applies entirely or
 * not at all; and what a patch may build (bytes, depth) and cost (bytes touched) is bounded, because `copy` can double
 * a document with every operation. (The packages at hand skip such keys, or cannot replace the whole.)
 */
import { byValue, ExactNumber, parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { z } from 'zod';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { RUNS } from '../bounds.ts';

const pointer = z
  .string()
  .max(RUNS.pointerCharacters)
  .regex(/^(\/([^/~]|~[01])*)*$/, 'must be a JSON Pointer (RFC 6901)');
const value = z.unknown().refine((given) => given !== undefined, 'is required');

/** The form of a patch; whether it applies is up to the document. */
export const JSON_PATCH = z.array(
  z.discriminatedUnion('op', [
    z.looseObject({ op: z.literal('add'), path: pointer, value }),
    z.looseObject({ op: z.literal('replace'), path: pointer, value }),
    z.looseObject({ op: z.literal('test'), path: pointer, value }),
    z.looseObject({ op: z.literal('remove'), path: pointer }),
    z.looseObject({ op: z.literal('move'), path: pointer, from: pointer }),
    z.looseObject({ op: z.literal('copy'), path: pointer, from: pointer }),
  ]),
);
export type JsonPatch = z.infer<typeof JSON_PATCH>;
type Operation = JsonPatch[number];

/** What removing a key is charged, in bytes. */
const KEY_COST = 64;

class DoesNotApply extends Error {}
const fail = (why: string): never => {
  throw new DoesNotApply(why);
};

/**
 * A JSON document under a series of patches, such as those of one append: all apply, or an error is thrown and the
 * whole series is to be dropped. The document given is changed in place; values of patches are copied.
 */
export class PatchedDocument {
  /** The document sits under the key '' of a holder, so that the whole is replaced like any part. */
  readonly #holder: { [key: string]: JsonValue } = Object.create(null) as { [key: string]: JsonValue };
  /** At least the document's size: what was dropped since it was measured is still counted. */
  #bytes: number;
  /** Bytes that the series may still touch. */
  #work: number = RUNS.patchWork;

  constructor(document: JsonValue) {
    this.#holder[''] = document;
    this.#bytes = size(document);
  }

  get value(): JsonValue {
    return this.#holder['']!;
  }

  /**
   * @throws CodedError `BAD_USER_INPUT` that names the operation which does not apply, or the limit that was passed
   */
  patch(operations: JsonPatch): void {
    operations.forEach((operation, index) => {
      try {
        this.#apply(operation);
      } catch (cause) {
        if (!(cause instanceof DoesNotApply)) throw cause;
        throw badUserInput(
          `Operation ${index} of the patch (${operation.op} ${JSON.stringify(operation.path)}) does not apply: ${cause.message}`,
          { cause },
        );
      }
    });
  }

  #apply(operation: Operation): void {
    const path = tokens(operation.path);
    // Also what leads to a place, and what is there already and moves or goes, costs.
    const from = operation.op === 'move' || operation.op === 'copy' ? operation.from.length : 0;
    this.#spend(operation.path.length + from + 1);
    switch (operation.op) {
      case 'add':
        return this.#add(path, this.#clone(operation.value as JsonValue));
      case 'replace':
        return this.#put(path, this.#clone(operation.value as JsonValue));
      case 'test':
        if (!this.#equal(this.#get(path), operation.value as JsonValue)) fail('the value differs.');
        return;
      case 'remove':
        this.#remove(path);
        return;
      case 'copy':
        return this.#add(path, this.#clone(this.#get(tokens(operation.from))));
      case 'move': {
        const from = tokens(operation.from);
        if (from.length < path.length && from.every((token, at) => token === path[at]))
          fail('a value cannot move into itself.');
        const moved = this.#get(from);
        if (operation.from === operation.path) return;
        this.#remove(from);
        return this.#add(path, moved);
      }
    }
  }

  #parent(path: readonly string[]): { parent: JsonValue[] | { [key: string]: JsonValue }; key: string } {
    let parent: JsonValue = this.#holder;
    for (const token of path.slice(0, -1)) parent = child(parent, token);
    if (!Array.isArray(parent) && !isJsonObject(parent)) return fail('the place above it holds no object or list.');
    return { parent, key: path.at(-1)! };
  }

  #get(path: readonly string[]): JsonValue {
    const { parent, key } = this.#parent(path);
    return child(parent, key);
  }

  #add(path: readonly string[], given: JsonValue): void {
    const { parent, key } = this.#parent(path);
    this.#grow(path, given, !Array.isArray(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined);
    if (Array.isArray(parent)) {
      const index = key === '-' ? parent.length : arrayIndex(key);
      if (index > parent.length) fail('the index is past the end of the list.');
      this.#spend(parent.length - index);
      parent.splice(index, 0, given);
    } else {
      setOwn(parent, key, given);
    }
  }

  #put(path: readonly string[], given: JsonValue): void {
    const { parent, key } = this.#parent(path);
    this.#grow(path, given, child(parent, key));
    if (Array.isArray(parent)) parent[arrayIndex(key)] = given;
    else setOwn(parent, key, given);
  }

  #remove(path: readonly string[]): void {
    const { parent, key } = this.#parent(path);
    child(parent, key);
    if (path.length === 1) fail('the whole document cannot be removed; replace it.');
    if (Array.isArray(parent)) {
      const index = arrayIndex(key);
      this.#spend(parent.length - index);
      parent.splice(index, 1);
    } else {
      // An object that loses a key is looked up otherwise from then on.
      this.#spend(KEY_COST);
      delete parent[key];
    }
  }

  /**
   * Keeps the document within its limits; its exact size is measured only when the sum of what was added may pass them.
   */
  #grow(path: readonly string[], given: JsonValue, dropped: JsonValue | undefined): void {
    if (path.length - 1 + depth(given) > RUNS.stateDepth)
      fail(`the document would be nested more than ${RUNS.stateDepth} levels deep.`);
    const bytes = size(given);
    this.#spend(bytes);
    this.#bytes += bytes;
    if (this.#bytes <= RUNS.stateBytes) return;
    const before = size(this.value);
    this.#spend(before);
    this.#bytes = before + bytes - (dropped === undefined ? 0 : size(dropped));
    if (this.#bytes > RUNS.stateBytes) fail(`the document would be longer than ${RUNS.stateBytes} bytes.`);
  }

  #spend(bytes: number): void {
    this.#work -= bytes;
    if (this.#work < 0)
      throw badUserInput('The patches of this batch copy, compare or move too much.', {
        hint: 'Send a STATE_SNAPSHOT instead.',
      });
  }

  #clone(given: JsonValue): JsonValue {
    const written = writeJson(given);
    this.#spend(written.length);
    return parseExactJson(written) as JsonValue;
  }

  /** Equality as RFC 6902 section 4.6 defines it: the order of keys does not matter. */
  #equal(left: JsonValue, right: JsonValue): boolean {
    this.#spend(typeof left === 'string' ? left.length : 1);
    if (left === right) return true;
    if (left instanceof ExactNumber || right instanceof ExactNumber) return isSameNumber(left, right);
    if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') return false;
    if (Array.isArray(left) || Array.isArray(right)) {
      return (
        Array.isArray(left) &&
        Array.isArray(right) &&
        left.length === right.length &&
        left.every((item, at) => this.#equal(item, right[at]!))
      );
    }
    const keys = Object.keys(left);
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && this.#equal(left[key]!, right[key]!))
    );
  }
}

/** Whether both are numbers, and numerically equal. */
function isSameNumber(left: JsonValue, right: JsonValue): boolean {
  const isNumber = (value: JsonValue) => typeof value === 'number' || value instanceof ExactNumber;
  if (!isNumber(left) || !isNumber(right)) return false;
  return writeJson(byValue(left as ExactNumber)) === writeJson(byValue(right as ExactNumber));
}

function tokens(path: string): string[] {
  // '' is the whole document, held under ''; '/a' is ['', 'a'].
  return path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function child(parent: JsonValue, token: string): JsonValue {
  if (Array.isArray(parent)) {
    const index = arrayIndex(token);
    return index < parent.length ? parent[index]! : fail('the index is past the end of the list.');
  }
  if (!isJsonObject(parent)) return fail('a part of the path is no object or list.');
  return Object.hasOwn(parent, token) ? parent[token]! : fail('nothing is there.');
}

function arrayIndex(token: string): number {
  return /^(0|[1-9]\d{0,8})$/.test(token)
    ? Number(token)
    : fail(`${JSON.stringify(token.slice(0, 40))} is no index of a list.`);
}

/** Assigning to `__proto__` would set the prototype. */
function setOwn(target: { [key: string]: JsonValue }, key: string, given: JsonValue): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value: given, enumerable: true, configurable: true, writable: true });
  else target[key] = given;
}

const size = (given: JsonValue): number => Buffer.byteLength(writeJson(given));

function depth(given: JsonValue): number {
  if (given === null || typeof given !== 'object' || given instanceof ExactNumber) return 0;
  let deepest = 0;
  for (const item of Array.isArray(given) ? given : Object.values(given)) deepest = Math.max(deepest, depth(item));
  return deepest + 1;
}
