/** What the schema's fields do, apart from GraphQL: checks what callers send, and asks loaders, driver and signer. */
import { createHash } from 'node:crypto';
import type { Aggregated, AggregateRequest } from '#subgraphs/shared/aggregates/aggregate.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import { pageOf, pageRequest, type Edge, type Page, type PageArguments } from '#subgraphs/shared/connections.ts';
import type { ShareLookup } from '#subgraphs/shared/ports.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { unknownName, type Hint } from '#subgraphs/shared/hints.ts';
import { renamed } from '#subgraphs/shared/renamed.ts';
import { checkContentType } from '../bytes/content-type.ts';
import { once } from '../bytes/once.ts';
import { OBJECT, type ObjectBounds } from '../bounds.ts';
import type { ListedObject, ObjectDriver, ObjectInfo, ObjectSigner, SignedRequest } from '../driver.ts';
import { checkExpiresIn, checkKey, checkPrefix, checkSha256, decodeContent, type PutRequest } from '../input.ts';
import { aggregate } from '../filters/aggregate.ts';
import { objectCondition } from '../filters/condition.ts';
import { matching, TooManyObjects, type Wanted } from '../filters/matching.ts';
import { createLoaders, scopeOf } from '../loaders.ts';

/** What the schema builds on. */
export interface ObjectDeps {
  readonly driver: ObjectDriver;
  /** Signs URLs: the store's own signer, or the gateway's. */
  readonly signer: ObjectSigner;
  /** What was shared with callers of projects. @default nothing was */
  readonly shares?: ShareLookup | undefined;
  readonly bounds?: Pick<ObjectBounds, 'uploadBytes' | 'linkSeconds' | 'textBytes' | 'counted' | 'scanned'>;
}

/** An object as the schema passes it on: its key, and what a listing has told of it already. */
export interface StoredObject {
  readonly key: string;
  readonly known?: Partial<ObjectInfo>;
}

export interface UploadRequest {
  key: string;
  mediaType?: string | null;
  contentType?: string | null;
  size?: number | null;
  sizeBytes?: number | null;
  sha256?: string | null;
  expiresIn?: number | null;
}

/** The operations of the object subgraph. `deps` is read when they run, never before. */
export function createResolvers(deps: ObjectDeps) {
  const loaders = createLoaders(
    () => deps.driver,
    () => deps.bounds ?? {},
    () => deps.shares,
  );

  /**
   * Fields of an object that does not exist are null, so a document whose bytes are still on their way needs no error.
   */
  const info = async <K extends keyof ObjectInfo>(
    context: RequestContext,
    object: StoredObject,
    field: K,
  ): Promise<ObjectInfo[K] | null> => {
    const known = object.known?.[field];
    if (known !== undefined) return known;
    return (await loaders(context).info.load(object.key))?.[field] ?? null;
  };

  /** What is told of a prefix that no key has: keys that begin with most of it, or with half. */
  const unknownPrefix = async (prefix: string, context: RequestContext): Promise<Omit<Hint, 'path'>> => {
    const letters = [...prefix];
    for (const most of [letters.length - 1, Math.ceil(letters.length / 2)]) {
      const begun = letters.slice(0, most).join('');
      const [like] = await deps.driver.list(scopeOf(context), { prefix: begun, after: null, limit: 1 });
      if (begun !== '' && like !== undefined) {
        const end = like.key.indexOf('/', begun.length);
        return unknownName('key that begins with', prefix, [end === -1 ? like.key : like.key.slice(0, end + 1)]);
      }
    }
    return unknownName('key that begins with', prefix, []);
  };

  /** The first objects that match. */
  const firstOf = async (context: RequestContext, wanted: Wanted, limit: number): Promise<ListedObject[]> => {
    const { scanned: most = OBJECT.scanned } = deps.bounds ?? {};
    const found: ListedObject[] = [];
    for await (const object of matching(deps.driver, scopeOf(context), wanted, { page: limit, most })) {
      found.push(object);
      if (found.length === limit) break;
    }
    return found;
  };

  /** How many match; null where there are more than are counted, or more would have to be looked at. */
  const countOf = async (context: RequestContext, wanted: Wanted): Promise<number | null> => {
    const { counted = OBJECT.counted, scanned: most = OBJECT.scanned } = deps.bounds ?? {};
    let count = 0;
    try {
      for await (const _ of matching(deps.driver, scopeOf(context), wanted, { page: OBJECT.batch, most }))
        if (++count > counted) return null;
    } catch (error) {
      if (error instanceof TooManyObjects) return null;
      throw error;
    }
    return count;
  };

  return {
    info,

    /** The object of `key` where it exists, else null. */
    async object(context: RequestContext, key: string): Promise<StoredObject | null> {
      const known = await loaders(context).info.load(checkKey(key));
      return known && { key, known };
    },

    /** @param isPaged whether anything but the count is asked for */
    async objects(
      context: RequestContext,
      args: PageArguments & { prefix?: string | null; where?: FilterInput | null },
      isPaged: boolean,
      note: (hint: Omit<Hint, 'path'>) => void,
    ): Promise<Page<StoredObject, Edge<StoredObject>>> {
      const prefix = checkPrefix(args.prefix ?? '');
      const where = objectCondition(args.where);
      const page = pageRequest(args);
      const after = page.from === undefined ? null : decodeCursor('objects', page.from, 1)[0];
      if (after !== null && typeof after !== 'string') throw badUserInput('`after` is not a cursor of this API.');
      const pageOfObjects = (found: readonly ListedObject[]) => {
        const objects = found.map((known): StoredObject => ({ key: known.key, known }));
        return pageOf(objects, page, (node) => ({ node, cursor: () => encodeCursor('objects', [node.key]) }));
      };
      if (where !== undefined) {
        const limit = page.size + 1;
        const found = isPaged ? await firstOf(context, { prefix, where, after }, limit) : [];
        // What one page has is counted.
        const isAll = isPaged && after === null && found.length < limit;
        return {
          ...pageOfObjects(found),
          totalCount: () => (isAll ? found.length : countOf(context, { prefix, where, after: null })),
        };
      }
      const found = await deps.driver.list(scopeOf(context), { prefix, after, limit: page.size + 1 });
      if (found.length === 0 && after === null && page.size > 0 && prefix !== '')
        note(await unknownPrefix(prefix, context));
      const { counted: most = OBJECT.counted } = deps.bounds ?? {};
      return {
        ...pageOfObjects(found),
        totalCount: () => deps.driver.count(scopeOf(context), { prefix, most }),
      };
    },

    aggregate(context: RequestContext, request: AggregateRequest): Promise<Aggregated> {
      const { scanned = OBJECT.scanned } = deps.bounds ?? {};
      return aggregate(deps.driver, scopeOf(context), request, scanned);
    },

    /** A URL for the bytes; null where there are none. */
    async downloadUrl(
      context: RequestContext,
      object: StoredObject,
      expiresIn: number | null | undefined,
    ): Promise<string | null> {
      const seconds = checkExpiresIn(expiresIn, deps.bounds);
      if ((await info(context, object, 'sizeBytes')) === null) return null;
      const owner = loaders(context).sharedBy(object.key);
      // What is shared may be revoked, and a link outlives that.
      if (owner !== undefined)
        return deps.signer.signDownload(owner, object.key, Math.min(seconds, OBJECT.sharedLinkSeconds));
      return deps.signer.signDownload(context.principal.tenantId, object.key, seconds);
    },

    text(context: RequestContext, object: StoredObject, maxBytes: number | null | undefined): Promise<string | null> {
      const bytes = maxBytes ?? OBJECT.defaultTextBytes;
      if (bytes < 1 || bytes > OBJECT.mostTextBytes)
        throw badUserInput(`\`maxBytes\` must be from 1 to ${OBJECT.mostTextBytes}; got ${bytes}.`);
      return loaders(context).text(bytes).load(object.key);
    },

    async requestUpload(
      context: RequestContext,
      input: UploadRequest,
    ): Promise<SignedRequest & { object: StoredObject }> {
      const key = checkKey(input.key);
      const contentType = checkContentType(renamed(input, 'mediaType', 'contentType'));
      const sizeBytes = renamed(input, 'size', 'sizeBytes');
      if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
        throw badUserInput(`\`size\` must be a whole number that is not negative; got ${sizeBytes}.`);
      const { uploadBytes = OBJECT.uploadBytes } = deps.bounds ?? {};
      if (sizeBytes > uploadBytes)
        throw badUserInput(
          `\`size\` is at most ${uploadBytes}${uploadBytes === OBJECT.singlePutBytes ? ' (5 GiB)' : ''}; got ${sizeBytes}.`,
        );
      const sha256 = input.sha256 == null ? undefined : checkSha256(input.sha256);
      const expiresIn = checkExpiresIn(input.expiresIn, deps.bounds);
      const signed = await deps.signer.signUpload(context.principal.tenantId, key, {
        contentType,
        sizeBytes,
        sha256,
        expiresIn,
      });
      return { ...signed, object: { key } };
    },

    async putObject(context: RequestContext, input: PutRequest): Promise<{ object: StoredObject }> {
      const key = checkKey(input.key);
      const contentType = checkContentType(renamed(input, 'mediaType', 'contentType'));
      const bytes = decodeContent(input);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      // Delivered twice is stored once: an equal object keeps its date.
      const present = await loaders(context).info.load(key);
      const isOwn = loaders(context).sharedBy(key) === undefined;
      if (present && isOwn && present.checksum === sha256 && present.contentType === contentType)
        return { object: { key, known: present } };
      const known = await deps.driver.put(scopeOf(context), key, once(bytes), {
        contentType,
        sizeBytes: bytes.byteLength,
        sha256,
      });
      loaders(context).clear(key);
      return { object: { key, known } };
    },

    async deleteObject(context: RequestContext, key: string): Promise<{ key: string; deleted: boolean }> {
      const deleted = await deps.driver.delete(scopeOf(context), checkKey(key));
      loaders(context).clear(key);
      return { key, deleted };
    },
  };
}
