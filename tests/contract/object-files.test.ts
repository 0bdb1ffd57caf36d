/** The files driver: the contract, and what only files can get wrong. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { meaningOf } from '#gateway/errors.ts';
import { createFilesDriver } from '#subgraphs/object/drivers/files/index.ts';
import { filesError } from '#subgraphs/object/drivers/files/errors.ts';
import { createSignedRoutes } from '#subgraphs/object/links/routes.ts';
import { once } from '#subgraphs/object/bytes/once.ts';
import { UrlSigner } from '#subgraphs/object/links/signed-urls.ts';
import { StatementCounter } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { objectDriverContract, type ObjectStoreUnderTest } from './object-driver.ts';

const folders: string[] = [];
const temporary = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-objects-'));
  folders.push(folder);
  return folder;
};
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

const signingKey = new Uint8Array(32).fill(7);

async function openFiles(dataDir: string, now?: () => number): Promise<ObjectStoreUnderTest & { signer: UrlSigner }> {
  const driver = await createFilesDriver({ dataDir });
  const signer = new UrlSigner({ signingKey, publicBaseUrl: () => 'http://gateway.test', now });
  const [route] = createSignedRoutes(driver, signer);
  return {
    driver,
    signer,
    fetch: (request) =>
      route!.handle(request).catch((error: unknown) => {
        if (!(error instanceof CodedError)) throw error;
        return Response.json({ message: error.message, ...error.extensions }, { status: meaningOf(error.code).status });
      }),
    close: () => driver.close(),
  };
}

objectDriverContract('files', async () => openFiles(await temporary()));

describe('files driver', () => {
  const scope = (tenantId: string) => ({ tenantId, statements: new StatementCounter() });
  const text = (value: string) => once(Buffer.from(value));

  it('finds everything again after a restart, and counts a batch as one statement', async () => {
    const dataDir = await temporary();
    const first = await openFiles(dataDir);
    await first.driver.put(scope('a'), 'x/y', text('kept'), { contentType: 'text/plain' });
    await first.close();
    const second = await openFiles(dataDir);
    const counted = scope('a');
    const found = await second.driver.stat(counted, ['x/y', 'x', 'x/y/z', 'no']);
    expect([...found.keys()]).toEqual(['x/y']);
    expect(counted.statements.counts()).toEqual({ files: 1 });
  });

  it('keeps tenants apart that differ in case alone', async () => {
    const dataDir = await temporary();
    const { driver } = await openFiles(dataDir);
    await driver.put(scope('Acme'), 'k', text('upper'), { contentType: 'text/plain' });
    await driver.put(scope('acme'), 'k', text('lower'), { contentType: 'text/plain' });
    const names = await readdir(join(dataDir, 'objects'));
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    expect(names).toHaveLength(3); // The third holds what is being written.
  });

  it('follows no symbolic link, neither of a file nor of a folder', async () => {
    const dataDir = await temporary();
    const outside = await temporary();
    const { driver } = await openFiles(dataDir);
    await driver.put(scope('a'), 'real/secret', text('secret'), { contentType: 'text/plain' });
    const root = join(dataDir, 'objects', 't~a');
    await symlink(join(root, 'd~real', 'f~secret'), join(root, 'f~link'));
    await symlink(join(root, 'd~real'), join(root, 'd~folder'));
    await symlink(outside, join(root, 'd~outside'));
    expect([...(await driver.stat(scope('a'), ['link', 'folder/secret', 'real/secret'])).keys()]).toEqual([
      'real/secret',
    ]);
    expect((await driver.list(scope('a'), { prefix: '', after: null, limit: 10 })).map(({ key }) => key)).toEqual([
      'real/secret',
    ]);
    expect(await driver.delete(scope('a'), 'folder/secret')).toBe(false);
    await expect(driver.put(scope('a'), 'outside/x', text('x'), { contentType: 'text/plain' })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(await readdir(outside)).toEqual([]);
    // A link in an object's place is replaced, not written through.
    await driver.put(scope('a'), 'link', text('new'), { contentType: 'text/plain' });
    expect((await driver.readStart(scope('a'), ['real/secret'], 100)).get('real/secret')!.bytes.toString()).toBe(
      'secret',
    );
  });

  it('takes files that it did not write, or not wholly, for no objects', async () => {
    const dataDir = await temporary();
    const { driver } = await openFiles(dataDir);
    await driver.put(scope('a'), 'whole', text('whole'), { contentType: 'text/plain' });
    const root = join(dataDir, 'objects', 't~a');
    await writeFile(join(root, 'f~foreign'), 'x'.repeat(5_000));
    await writeFile(join(root, 'f~short'), '');
    await writeFile(join(root, 'README'), 'hello');
    await writeFile(join(root, 'f~cut'), (await readFile(join(root, 'f~whole'))).subarray(0, -10));
    await mkdir(join(root, 'f~folder'));
    const at = scope('a');
    expect((await driver.list(at, { prefix: '', after: null, limit: 10 })).map(({ key }) => key)).toEqual(['whole']);
    expect([...(await driver.stat(at, ['foreign', 'short', 'cut', 'whole'])).keys()]).toEqual(['whole']);
  });

  it('fills a page although names in between are no objects', async () => {
    const dataDir = await temporary();
    const { driver } = await openFiles(dataDir);
    for (const key of ['a', 'c', 'e']) await driver.put(scope('a'), key, text(key), { contentType: 'text/plain' });
    for (const name of ['b', 'd']) await writeFile(join(dataDir, 'objects', 't~a', `f~${name}`), 'foreign');
    expect((await driver.list(scope('a'), { prefix: '', after: null, limit: 3 })).map(({ key }) => key)).toEqual([
      'a',
      'c',
      'e',
    ]);
  });

  it('pages through a folder of many without missing or repeating one', async () => {
    const { driver } = await openFiles(await temporary());
    const expected = Array.from(
      { length: 700 },
      (_, at) => `many/${String((at * 7919) % 100_003).padStart(6, '0')}`,
    ).sort();
    for (let from = 0; from < expected.length; from += 50) {
      await Promise.all(
        expected
          .slice(from, from + 50)
          .map((key) => driver.put(scope('a'), key, text(key), { contentType: 'text/plain' })),
      );
    }
    const found: string[] = [];
    for (let after: string | null = null; ;) {
      const page = await driver.list(scope('a'), { prefix: 'many/', after, limit: 33 });
      found.push(...page.map(({ key }) => key));
      if (page.length < 33) break;
      after = page.at(-1)!.key;
    }
    expect(found).toEqual(expected);
  });

  it('leaves nothing behind of a put that failed, and removes what a crash left', async () => {
    const dataDir = await temporary();
    const incoming = join(dataDir, 'objects', 'incoming');
    const first = await openFiles(dataDir);
    await expect(
      first.driver.put(scope('a'), 'k', text('abc'), { contentType: 'text/plain', sizeBytes: 9 }),
    ).rejects.toThrow();
    expect(await readdir(incoming)).toEqual([]);
    await writeFile(join(incoming, 'old'), 'half');
    await utimes(join(incoming, 'old'), new Date(0), new Date(0));
    await writeFile(join(incoming, 'young'), 'half');
    await openFiles(dataDir);
    expect(await readdir(incoming)).toEqual(['young']);
  });

  it('says what is wrong with the disk', () => {
    const failed = (code: string) => filesError(Object.assign(new Error(code), { code }));
    expect(failed('ENOSPC')).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('full') as string,
    });
    expect(failed('EACCES')).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      extensions: { hint: expect.stringContaining('DATA_DIR') as string },
    });
    expect(failed('ENAMETOOLONG')).toMatchObject({ code: 'BAD_USER_INPUT' });
  });
});

describe('signed URLs of the gateway', () => {
  it('expire, and are capped at a day', async () => {
    let now = Date.now();
    const store = await openFiles(await temporary(), () => now);
    await store.driver.put({ tenantId: 'a', statements: new StatementCounter() }, 'k', once(Buffer.from('x')), {
      contentType: 'text/plain',
    });
    const url = await store.signer.signDownload('a', 'k', 300);
    const long = await store.signer.signDownload('a', 'k', 10 * 86_400);
    now += 299_000;
    expect((await store.fetch(new Request(url))).status).toBe(200);
    now += 2_000;
    const expired = await store.fetch(new Request(url));
    expect([expired.status, await expired.json()]).toMatchObject([403, { message: 'This URL has expired.' }]);
    now += 86_400_000 - 302_000;
    expect((await store.fetch(new Request(long))).status).toBe(200);
    now += 2_000;
    expect((await store.fetch(new Request(long))).status).toBe(403);
  });

  it('are accepted by every replica with the key, and by none with another', async () => {
    const dataDir = await temporary();
    const [one, two] = [await openFiles(dataDir), await openFiles(dataDir)];
    const signed = await one.signer.signUpload('a', 'k', { contentType: 'text/plain', sizeBytes: 1, expiresIn: 60 });
    const init = { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: 'x' };
    expect((await two.fetch(new Request(signed.url, init))).status).toBe(201);
    const other = new UrlSigner({ signingKey: new Uint8Array(32).fill(8), publicBaseUrl: () => 'http://gateway.test' });
    expect(() => other.verify(new URL(signed.url))).toThrow('not signed here');
    expect(() => new UrlSigner({ signingKey: new Uint8Array(8), publicBaseUrl: () => '' })).toThrow('16 bytes');
  });

  it('accept one spelling only', async () => {
    const { driver, signer, fetch } = await openFiles(await temporary());
    await driver.put({ tenantId: 'a', statements: new StatementCounter() }, 'k e y/~x', once(Buffer.from('x')), {
      contentType: 'text/plain',
    });
    const url = await signer.signDownload('a', 'k e y/~x', 300);
    expect((await fetch(new Request(url))).status).toBe(200);
    const [path, query] = url.split('?') as [string, string];
    for (const other of [
      url.replace('~x', '%7Ex'),
      url.replace('k%20', '%6B%20'),
      url.replace('/a/', '/%61/'),
      `${path}?${query.split('&').reverse().join('&')}`,
      `${url}&`,
      `${url}&more=1`,
      url.replace('method=GET', 'method=%47ET'),
      url.replace(/expires=(\d+)/, 'expires=0$1'),
      url.replace(/expires=(\d+)/, 'expires=$1.0'),
      `${url}=`,
    ])
      expect([other, (await fetch(new Request(other))).status]).toEqual([other, 403]);
  });

  it('of uploads work once, also in two processes at once, and again where nothing came of it', async () => {
    const dataDir = await temporary();
    const [one, two] = [await openFiles(dataDir), await openFiles(dataDir)];
    const sign = async (): Promise<string> =>
      (await one.signer.signUpload('a', 'k', { contentType: 'text/plain', sizeBytes: 1, expiresIn: 60 })).url;
    const put = async (store: typeof one, url: string, body: string): Promise<number> =>
      (await store.fetch(new Request(url, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body }))).status;
    const url = await sign();
    expect(await put(one, url, 'too long')).toBe(413);
    expect(await put(one, url, '')).toBe(400);
    const both = await Promise.all([put(one, url, 'x'), put(two, url, 'y')]);
    expect(both.sort()).toEqual([201, 403]);
    expect(await put(one, url, 'z')).toBe(403);
    expect(await put(await openFiles(dataDir), url, 'z')).toBe(403);
    expect(await put(two, await sign(), 'z')).toBe(201);
  });

  it('refuse every change of what they bind', async () => {
    const { signer } = await openFiles(await temporary());
    const { url } = await signer.signUpload('a', 'k/l', {
      contentType: 'text/plain',
      sizeBytes: 10,
      sha256: 'ab'.repeat(32),
      expiresIn: 60,
    });
    expect(signer.verify(new URL(url))).toEqual({
      method: 'PUT',
      tenantId: 'a',
      key: 'k/l',
      upload: {
        contentType: 'text/plain',
        sizeBytes: 10,
        sha256: 'ab'.repeat(32),
        once: expect.stringMatching(/^[\w-]{22}$/) as string,
      },
      expires: expect.any(Number) as number,
    });
    const changes: [string, string][] = [
      ['size=10', 'size=11'],
      ['type=text%2Fplain', 'type=text%2Fhtml'],
      ['sha256=abab', 'sha256=cdab'],
      ['method=PUT', 'method=GET'],
      ['/a/k/l', '/b/k/l'],
      ['/a/k/l', '/a/k%2Fl'],
      ['/a/k/l', '/a/k/l/'],
      ['/a/k/l', '/a/k/%2e%2e%2fl'],
      ['/a/k/l', '/a/k%00/l'],
      ['/a/k/l', '/a'],
      ['/a/k/l', '/a/%ff'],
      ['signature=', 'signature=A'],
      ['&signature=', '&size=10&signature='],
    ];
    for (const [from, to] of changes) {
      expect(url).toContain(from);
      expect(() => signer.verify(new URL(url.replace(from, to))), to).toThrow(CodedError);
    }
    // Every single character of the signature counts.
    const at = url.indexOf('signature=') + 'signature='.length;
    for (let place = at; place < url.length; place++) {
      const flipped = url[place] === 'A' ? 'B' : 'A';
      expect(() => signer.verify(new URL(url.slice(0, place) + flipped + url.slice(place + 1)))).toThrow(CodedError);
    }
  });

  it('serve bytes so that a browser does not run them', async () => {
    const store = await openFiles(await temporary());
    await store.driver.put(
      { tenantId: 'a', statements: new StatementCounter() },
      'page.html',
      once(Buffer.from('<script>')),
      { contentType: 'text/html' },
    );
    const url = await store.signer.signDownload('a', 'page.html', 60);
    for (const method of ['GET', 'HEAD']) {
      const answer = await store.fetch(new Request(url, { method }));
      expect(answer.status).toBe(200);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-disposition': 'attachment; filename="page.html"',
        'content-length': '8',
        'content-security-policy': "sandbox; default-src 'none'",
        'x-content-type-options': 'nosniff',
        'cache-control': 'private, no-store',
      });
      expect(await answer.text()).toBe(method === 'GET' ? '<script>' : '');
    }
  });

  it('give the whole of a version that is not the one asked for', async () => {
    const store = await openFiles(await temporary());
    await store.driver.put({ tenantId: 'a', statements: new StatementCounter() }, 'k', once(Buffer.from('0123')), {
      contentType: 'text/plain',
    });
    const url = await store.signer.signDownload('a', 'k', 60);
    const etag = (await store.fetch(new Request(url, { method: 'HEAD' }))).headers.get('etag')!;
    const part = (ifRange: string) =>
      store.fetch(new Request(url, { headers: { range: 'bytes=1-2', 'if-range': ifRange } }));
    expect((await part(etag)).status).toBe(206);
    expect((await part('"other"')).status).toBe(200);
  });
});
