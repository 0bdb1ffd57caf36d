/** What every object driver must do; called by `object-<store>.test.ts`. */
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StatementCounter } from '#subgraphs/shared/context.ts';
import { tenantIdOf } from '#subgraphs/shared/tenant-id.ts';
import type { ObjectDriver, ObjectScope, ObjectSigner } from '#subgraphs/object/driver.ts';
import { once } from '#subgraphs/object/bytes/once.ts';
import { objectFilters } from './object-filters.ts';

export interface ObjectStoreUnderTest {
  readonly driver: ObjectDriver;
  readonly signer: ObjectSigner;
  /** Sends a signed request as a client would. */
  fetch(request: Request): Promise<Response>;
  close(): Promise<void>;
}

/**
 * Registers the suite.
 * @param options.nested whether the server takes `a` beside `a/b`; some that keep objects as plain files do not.
 *   Default: true
 */
export function objectDriverContract(
  name: string,
  open: () => Promise<ObjectStoreUnderTest>,
  { nested = true }: { nested?: boolean } = {},
): void {
  describe(`object driver: ${name}`, () => {
    let store: ObjectStoreUnderTest;
    // A name of its own for each run, since a real server keeps what earlier runs left.
    const run = randomBytes(4).toString('hex');
    const scope = (tenantId: string): ObjectScope => ({
      tenantId: `${tenantId}-${run}`,
      statements: new StatementCounter(),
    });
    const alice = scope('alice');
    const bob = scope('bob');
    const put = (
      of: ObjectScope,
      key: string,
      text: string,
      options: { contentType?: string; sizeBytes?: number; sha256?: string } = {},
    ) => store.driver.put(of, key, once(Buffer.from(text)), { contentType: 'text/plain', ...options });
    const text = async (of: ObjectScope, key: string, maxBytes = 1_000) => {
      const read = (await store.driver.readStart(of, [key], maxBytes)).get(key);
      return read && Buffer.from(read.bytes).toString();
    };
    const keys = async (of: ObjectScope, prefix = '', after: string | null = null, limit = 100) =>
      (await store.driver.list(of, { prefix, after, limit })).map(({ key }) => key);

    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store?.close());

    objectFilters(() => store, scope);

    it('keeps bytes with what they are', async () => {
      const before = Date.now() - 2_000; // A server's clock may count whole seconds.
      const info = await put(alice, 'kept/readme.md', 'hello', { contentType: 'text/markdown' });
      expect(info).toMatchObject({
        key: 'kept/readme.md',
        sizeBytes: 5,
        contentType: 'text/markdown',
        checksum: sha256('hello'),
      });
      const found = (await store.driver.stat(alice, ['kept/readme.md', 'kept/absent'])).get('kept/readme.md')!;
      expect(found).toMatchObject({
        key: 'kept/readme.md',
        sizeBytes: 5,
        contentType: 'text/markdown',
        checksum: sha256('hello'),
      });
      expect(found.updatedAt.getTime()).toBeGreaterThan(before);
      expect((await store.driver.stat(alice, ['kept/absent'])).size).toBe(0);
    });

    it('replaces at one stroke, also when several write one key', async () => {
      const versions = Array.from({ length: 12 }, (_, at) => `${at}`.repeat(2_000 + at));
      await Promise.all(versions.map((version) => put(alice, 'contended/key', version)));
      const kept = await text(alice, 'contended/key', 100_000);
      expect(versions).toContain(kept);
      expect((await store.driver.stat(alice, ['contended/key'])).get('contended/key')).toMatchObject({
        sizeBytes: kept!.length,
        checksum: sha256(kept!),
      });
    });

    it('stores nothing where size or checksum are not as announced', async () => {
      await put(alice, 'verified', 'before');
      await expect(put(alice, 'verified', 'after', { sizeBytes: 4 })).rejects.toMatchObject({
        code: 'PAYLOAD_TOO_LARGE',
      });
      await expect(put(alice, 'verified', 'after', { sizeBytes: 6 })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
      await expect(put(alice, 'verified', 'after', { sha256: sha256('other') })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      });
      expect(await text(alice, 'verified')).toBe('before');
      await put(alice, 'verified', 'after', { sizeBytes: 5, sha256: sha256('after') });
      expect(await text(alice, 'verified')).toBe('after');
    });

    it('stores nothing of a body that breaks off', async () => {
      const breaking = async function* () {
        yield Buffer.from('half');
        throw new Error('the client went away');
      };
      await expect(store.driver.put(alice, 'broken', breaking(), { contentType: 'text/plain' })).rejects.toThrow();
      expect((await store.driver.stat(alice, ['broken'])).size).toBe(0);
    });

    it('takes empty objects and large ones', async () => {
      await put(alice, 'sizes/empty', '');
      expect(await text(alice, 'sizes/empty')).toBe('');
      expect((await store.driver.stat(alice, ['sizes/empty'])).get('sizes/empty')).toMatchObject({ sizeBytes: 0 });

      const piece = randomBytes(1024 * 1024);
      const pieces = async function* () {
        for (let at = 0; at < 18; at++) yield piece;
      };
      const whole = createHash('sha256');
      for (let at = 0; at < 18; at++) whole.update(piece);
      const checksum = whole.digest('hex');
      const info = await store.driver.put(alice, 'sizes/large', pieces(), {
        contentType: 'application/octet-stream',
        sha256: checksum,
      });
      expect(info).toMatchObject({ sizeBytes: 18 * piece.length, checksum });
      const opened = (await store.driver.open(alice, 'sizes/large'))!;
      expect(opened.info).toMatchObject({ sizeBytes: 18 * piece.length, checksum });
      expect(sha256(await buffer(opened.stream({ start: 0, end: 18 * piece.length - 1 })))).toBe(checksum);
    });

    it('reads ranges', async () => {
      await put(alice, 'ranges/digits', '0123456789');
      const opened = (await store.driver.open(alice, 'ranges/digits'))!;
      expect((await buffer(opened.stream({ start: 3, end: 5 }))).toString()).toBe('345');
      expect(await text(alice, 'ranges/digits', 4)).toBe('0123');
      expect(await store.driver.open(alice, 'ranges/absent')).toBeNull();
    });

    it('lists in the order of UTF-8 bytes, page by page, by prefix', async () => {
      const names = [
        'B',
        'a',
        'a!b',
        'a-',
        'a0',
        'aa',
        'b/c/d',
        'b/c0',
        'z',
        'é',
        'ￗ',
        '😀',
        'x'.repeat(79),
        'x'.repeat(80),
        'x'.repeat(81),
        `${'x'.repeat(80)}!`,
      ];
      const expected = names
        .map((name) => `list/${name}`)
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      await Promise.all(expected.map((key) => put(alice, key, key)));
      expect(await keys(alice, 'list/')).toEqual(expected);
      const paged: string[] = [];
      for (let after: string | null = null; ;) {
        const page = await keys(alice, 'list/', after, 3);
        paged.push(...page);
        if (page.length < 3) break;
        after = page.at(-1)!;
      }
      expect(paged).toEqual(expected);
      expect(await keys(alice, 'list/b/c')).toEqual(['list/b/c/d', 'list/b/c0']);
      expect(await keys(alice, 'list/b/c/')).toEqual(['list/b/c/d']);
      expect(await keys(alice, 'list/a', 'list/a-', 2)).toEqual(['list/a0', 'list/aa']);
      expect(await keys(alice, 'list/none')).toEqual([]);
      expect(await keys(alice, 'list/', null, 0)).toEqual([]);
    });

    it('counts by prefix, up to a bound', async () => {
      await Promise.all(['1', '2', '3/4', '3/5'].map((name) => put(alice, `count/${name}`, name)));
      await put(scope('carol'), 'count/6', 'of another');
      const count = (prefix: string, most = 100) => store.driver.count(alice, { prefix, most });
      expect(await count('count/')).toBe(4);
      expect(await count('count/3')).toBe(2);
      expect(await count('count/none')).toBe(0);
      expect(await count('count/', 4)).toBe(4);
      expect(await count('count/', 3)).toBeNull();
      expect(await count('count/none', 0)).toBe(0);
      expect(await count('count/', 0)).toBeNull();
    });

    it('keeps names apart that differ in case or form, or look special', async () => {
      const names = [
        'strange/a',
        'strange/A',
        'strange/caf\u00e9',
        'strange/cafe\u0301',
        'strange/con.txt',
        'strange/ends.',
        'strange/%41',
        'strange/f~x',
        'strange/a b+c&d=e?f#g',
      ];
      const expected = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      for (const key of names) await put(alice, key, `this is ${key}`);
      for (const key of names) expect(await text(alice, key)).toBe(`this is ${key}`);
      expect(await keys(alice, 'strange/')).toEqual(expected);
    });

    it.runIf(nested)('keeps an object and a folder of one name apart', async () => {
      const names = ['odd/a', 'odd/a/b', 'odd/a/b/c'];
      for (const key of names) await put(alice, key, `this is ${key}`);
      for (const key of names) expect(await text(alice, key)).toBe(`this is ${key}`);
      expect(await keys(alice, 'odd/')).toEqual(names);
      expect(await store.driver.delete(alice, 'odd/a')).toBe(true);
      expect(await text(alice, 'odd/a/b')).toBe('this is odd/a/b');
      expect(await store.driver.delete(alice, 'odd/a/b/c')).toBe(true);
      expect(await text(alice, 'odd/a/b')).toBe('this is odd/a/b');
    });

    it('keeps long keys', async () => {
      const key = `long/${'k'.repeat(600)}/${'ü'.repeat(100)}`;
      await put(alice, key, 'long').catch((error: { code?: string }) => {
        // A server with shorter names says so; it does not lose the key.
        expect(error.code).toMatch(/BAD_USER_INPUT|STORE_UNAVAILABLE/);
        return put(alice, 'long/other', 'long');
      });
      expect(await keys(alice, 'long/')).toHaveLength(1);
    });

    it('deletes, and says whether there was something', async () => {
      await put(alice, 'deleted/once', 'x');
      expect(await store.driver.delete(alice, 'deleted/once')).toBe(true);
      expect(await store.driver.delete(alice, 'deleted/once')).toBe(false);
      expect((await store.driver.stat(alice, ['deleted/once'])).size).toBe(0);
      expect(await keys(alice, 'deleted/')).toEqual([]);
    });

    /**
     * Asks again, as callers do, where a server of S3 fails: one that keeps objects in a file system answers InternalError
     * where two requests remove one folder, and may do so twice.
     */
    const insist = async (act: () => Promise<unknown>): Promise<unknown> => {
      for (let attempt = 1; ; attempt++)
        try {
          return await act();
        } catch (error) {
          const isServers = store.driver.store === 's3' && (error as { code?: unknown }).code === 'STORE_UNAVAILABLE';
          if (!isServers || attempt === 5) throw error;
        }
    };
    it('survives puts and deletes of one folder at the same time', async () => {
      await Promise.all(
        Array.from({ length: 20 }, async (_, at) => {
          await insist(() => put(alice, `busy/folder/${at % 4}`, `${at}`));
          await insist(() => store.driver.delete(alice, `busy/folder/${(at + 1) % 4}`));
        }),
      );
      for (const key of await keys(alice, 'busy/')) expect(await text(alice, key)).toMatch(/^\d+$/);
    });

    it.each([
      ['another tenant', () => bob],
      ['a project of it', () => ({ ...alice, tenantId: tenantIdOf(alice.tenantId, 'two') })],
    ])('shows nothing of one to %s', async (_, whose) => {
      const [other, key] = [whose(), `private/${whose().tenantId}`];
      await put(alice, key, 'of alice');
      await put(other, 'private/own', 'of the other');
      expect(await keys(other)).toEqual(['private/own']);
      expect((await store.driver.stat(other, [key])).size).toBe(0);
      expect(await text(other, key)).toBeUndefined();
      expect(await store.driver.open(other, key)).toBeNull();
      expect(await store.driver.delete(other, key)).toBe(false);
      await put(other, key, 'of the other');
      expect(await text(alice, key)).toBe('of alice');
      expect(await keys(alice, 'private/')).not.toContain('private/own');
      // A tenant whose name starts with another's shares no prefix with it.
      expect(await keys({ ...alice, tenantId: alice.tenantId.slice(0, -1) })).toEqual([]);
    });

    it('counts its statements', async () => {
      const counted = { ...alice, statements: new StatementCounter() };
      await store.driver.list(counted, { prefix: 'ranges/', after: null, limit: 10 });
      expect(counted.statements.counts()).toEqual({ [store.driver.store]: 1 });
    });

    it('is healthy', async () => {
      expect(await store.driver.health()).toMatchObject({
        store: store.driver.store,
        state: 'ok',
        latencyMs: expect.any(Number) as number,
      });
    });

    describe('signed requests', () => {
      const get = async (url: string, init: RequestInit = {}) => store.fetch(new Request(url, init));

      it('download, whole and in ranges, as an attachment', async () => {
        await put(alice, 'signed/Übersicht "1".txt', '0123456789', { contentType: 'text/html' });
        const url = await store.signer.signDownload(alice.tenantId, 'signed/Übersicht "1".txt', 60);
        const whole = await get(url);
        expect(whole.status).toBe(200);
        expect(whole.headers.get('content-disposition')).toBe(
          `attachment; filename="_bersicht _1_.txt"; filename*=UTF-8''%C3%9Cbersicht%20%221%22.txt`,
        );
        expect(whole.headers.get('content-type')).toBe('text/html');
        expect(whole.headers.get('cache-control')).toBe('private, no-store');
        expect(await whole.text()).toBe('0123456789');
        const part = await get(url, { headers: { range: 'bytes=2-4' } });
        expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
          206,
          'bytes 2-4/10',
          '234',
        ]);
        const suffix = await get(url, { headers: { range: 'bytes=-3' } });
        expect([suffix.status, await suffix.text()]).toEqual([206, '789']);
        const outside = await get(url, { headers: { range: 'bytes=20-' } });
        expect(outside.status).toBe(416);
        await outside.body?.cancel();
      });

      it('refuse what was changed, another method, and another tenant', async () => {
        await put(alice, 'signed/a', 'a');
        await put(alice, 'signed/b', 'b');
        await put(bob, 'signed/a', 'of bob');
        const url = await store.signer.signDownload(alice.tenantId, 'signed/a', 60);
        const changed = [
          url.replace('signed/a', 'signed/b'),
          url.replace(alice.tenantId, bob.tenantId),
          url.replace(/(ignature=)(.)/, (_, name: string, first: string) => `${name}${first === '0' ? '1' : '0'}`),
          url.replace(/(xpires=)\d+/, '$19999999999'),
          url.replace(/[&?][^&]*ignature=[^&]*/, ''),
        ];
        for (const attempt of changed) {
          expect(attempt).not.toBe(url);
          const answer = await get(attempt);
          expect(answer.status, attempt).toBeGreaterThanOrEqual(400);
          expect(answer.status, attempt).toBeLessThan(500);
          expect(await answer.text()).not.toContain('of bob');
        }
        const put403 = await get(url, { method: 'PUT', body: 'x' });
        expect(put403.status).toBe(403);
        await put403.body?.cancel();
        expect(await text(alice, 'signed/a')).toBe('a');
      });

      it('answer 404 for what is not there', async () => {
        const answer = await get(await store.signer.signDownload(alice.tenantId, 'signed/never', 60));
        expect(answer.status).toBe(404);
        await answer.body?.cancel();
      });

      const upload = async (
        body: string,
        options: { contentType?: string; sizeBytes?: number; sha256?: string; key?: string; as?: string },
      ) => {
        const {
          key = 'uploaded/key',
          contentType = 'text/plain',
          sizeBytes = Buffer.byteLength(body),
          sha256: checksum,
        } = options;
        const signed = await store.signer.signUpload(alice.tenantId, key, {
          contentType,
          sizeBytes,
          sha256: checksum,
          expiresIn: 60,
        });
        const headers = new Headers(signed.headers.map(({ name: header, value }): [string, string] => [header, value]));
        if (options.as) headers.set('content-type', options.as);
        const answer = await store.fetch(
          new Request(signed.url, { method: signed.method, headers, body: Buffer.from(body) }),
        );
        await answer.body?.cancel();
        return answer.status;
      };

      it('upload', async () => {
        expect(await upload('hello', { contentType: 'text/markdown' })).toBeLessThan(300);
        expect((await store.driver.stat(alice, ['uploaded/key'])).get('uploaded/key')).toMatchObject({
          sizeBytes: 5,
          contentType: 'text/markdown',
        });
        expect(await text(alice, 'uploaded/key')).toBe('hello');
        expect(await upload('verified', { sha256: sha256('verified') })).toBeLessThan(300);
        expect((await store.driver.stat(alice, ['uploaded/key'])).get('uploaded/key')).toMatchObject({
          checksum: sha256('verified'),
        });
        expect(await upload('', { key: 'uploaded/empty' })).toBeLessThan(300);
      });

      it('refuse an upload of another size, type or checksum, and store nothing of it', async () => {
        const key = 'uploaded/refused';
        for (const options of [{ sizeBytes: 4 }, { sizeBytes: 6 }, { sha256: sha256('other') }, { as: 'text/html' }]) {
          const status = await upload('hello', { ...options, key });
          expect(status, JSON.stringify(options)).toBeGreaterThanOrEqual(400);
          expect(status, JSON.stringify(options)).toBeLessThan(500);
        }
        expect((await store.driver.stat(alice, [key])).size).toBe(0);
      });
    });
  });
}

const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
