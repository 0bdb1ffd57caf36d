/** What one request has already asked of the object store. */
import type DataLoader from 'dataloader';
import type { ShareLookup } from '#subgraphs/shared/ports.ts';
import { projectOf } from '#subgraphs/shared/tenant-id.ts';
import { perRequest, type RequestContext } from '#subgraphs/shared/context.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { OBJECT, type ObjectBounds } from './bounds.ts';
import { decodeText } from './bytes/content-type.ts';
import type { ObjectDriver, ObjectInfo, ObjectScope } from './driver.ts';
import { keyFault } from './input.ts';

export interface ObjectLoaders {
  /** What the store knows of a key; null where there is no such object. */
  readonly info: DataLoader<string, ObjectInfo | null>;
  /** The loader of the first `maxBytes` bytes as text; null where there is no such object or it is not text. */
  text(maxBytes: number): DataLoader<string, string | null>;
  /** Whose the object under `key` is that another project shared, once `info` or `text` has found it; undefined for the caller’s own. */
  sharedBy(key: string): string | undefined;
  /** Forgets what was read of `key`, after it has been written. */
  clear(key: string): void;
}

/** The driver's scope of a request. */
export const scopeOf = ({ principal, statements, signal }: RequestContext): ObjectScope => ({
  tenantId: principal.tenantId,
  statements,
  signal,
});

/** Loaders over `driver()`, one set for each request. */
export const createLoaders = (
  driver: () => ObjectDriver,
  given: () => Pick<ObjectBounds, 'textBytes'>,
  shares: () => ShareLookup | undefined = () => undefined,
): ((context: RequestContext) => ObjectLoaders) =>
  perRequest((context) => {
    const { textBytes = OBJECT.textBytes } = given();
    const scope = scopeOf(context);
    const owners = new Map<string, string>();
    /** Asks for the caller's own, and for what is not there among what was shared with his project. */
    const askAll = async <T>(
      keys: readonly string[],
      ask: (of: ObjectScope, valid: readonly string[]) => Promise<Map<string, T>>,
    ): Promise<Map<string, T>> =>
      await askFor(keys, async (valid) => {
        const found = await ask(scope, valid);
        for (const key of found.keys()) owners.delete(key);
        const missing = valid.filter((key) => !found.has(key));
        const mayReceive = projectOf(scope.tenantId) !== undefined && context.principal.system !== true;
        const lookup = mayReceive ? shares() : undefined;
        if (missing.length === 0 || lookup === undefined) return found;
        const byOwner = new Map<string, string[]>();
        for (const [key, tenantId] of await lookup.objects(context, missing))
          byOwner.set(tenantId, [...(byOwner.get(tenantId) ?? []), key]);
        const theirs = [...byOwner].map(async ([tenantId, shared]) => {
          for (const [key, value] of await ask({ ...scope, tenantId }, shared)) {
            owners.set(key, tenantId);
            found.set(key, value);
          }
        });
        await Promise.all(theirs);
        return found;
      });
    const info = requestLoader<string, ObjectInfo | null>(
      context,
      async (keys) => {
        const found = await askAll(keys, (of, valid) => driver().stat(of, valid));
        return keys.map((key) => found.get(key) ?? null);
      },
      { maxBatchSize: OBJECT.batch },
    );

    const texts = new Map<number, DataLoader<string, string | null>>();
    let spent = 0;
    let last: Promise<unknown> = Promise.resolve();
    const readTexts = async (keys: readonly string[], maxBytes: number): Promise<(string | null)[]> => {
      if (spent > textBytes) {
        throw new CodedError(
          'QUERY_TOO_COSTLY',
          `One request may read at most ${textBytes} bytes of objects as text.`,
          {
            hint: 'Lower `maxBytes`, or ask for fewer objects.',
          },
        );
      }
      const found = await askAll(keys, (of, valid) => driver().readStart(of, valid, maxBytes));
      return keys.map((key) => {
        const read = found.get(key);
        if (!read) return null;
        spent += read.bytes.byteLength;
        return decodeText(read.bytes, read.info.contentType, read.bytes.byteLength < read.info.sizeBytes);
      });
    };

    return {
      info,
      text(maxBytes) {
        let loader = texts.get(maxBytes);
        if (!loader) {
          loader = requestLoader<string, string | null>(
            context,
            (keys) => {
              // One batch after the other: each may fill its share of memory.
              const result = last.then(() => readTexts(keys, maxBytes));
              last = result.catch(() => undefined);
              return result;
            },
            { maxBatchSize: Math.max(1, Math.min(OBJECT.batch, Math.floor(OBJECT.textBatchBytes / maxBytes))) },
          );
          texts.set(maxBytes, loader);
        }
        return loader;
      },
      sharedBy: (key) => owners.get(key),
      clear(key) {
        owners.delete(key);
        info.clear(key);
        for (const loader of texts.values()) loader.clear(key);
      },
    };
  });

/** Asks for the keys that can exist; a reference to any other is simply not found. */
async function askFor<T>(
  keys: readonly string[],
  ask: (valid: readonly string[]) => Promise<Map<string, T>>,
): Promise<Map<string, T>> {
  const valid = keys.filter((key) => keyFault(key) === undefined);
  return valid.length === 0 ? new Map<string, T>() : ask(valid);
}
