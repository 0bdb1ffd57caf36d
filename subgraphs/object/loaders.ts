/** What one request has already asked of the object store. */
import type DataLoader from 'dataloader';
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
): ((context: RequestContext) => ObjectLoaders) =>
  perRequest((context) => {
    const { textBytes = OBJECT.textBytes } = given();
    const scope = scopeOf(context);
    const info = requestLoader<string, ObjectInfo | null>(
      context,
      async (keys) => {
        const found = await askFor(keys, (valid) => driver().stat(scope, valid));
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
      const found = await askFor(keys, (valid) => driver().readStart(scope, valid, maxBytes));
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
      clear(key) {
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
