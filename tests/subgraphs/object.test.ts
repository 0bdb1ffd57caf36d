/** The object subgraph through its schema: what callers may send, what they get, and what it costs. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { graphql, type ExecutionResult } from 'graphql';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createObject } from '#subgraphs/object/index.ts';
import { decide } from '#subgraphs/object/links/conditions.ts';
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import type { Subgraph } from '#subgraphs/shared/subgraph.ts';

let dataDir: string;
let object: Subgraph;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tributary-object-'));
  object = await createObject({
    driver: {
      kind: 'files',
      dataDir,
      signingKey: new Uint8Array(32).fill(1),
      publicBaseUrl: () => 'http://gateway.test/',
    },
  });
});
afterAll(async () => {
  await object.close();
  await rm(dataDir, { recursive: true, force: true });
});

const as = (tenantId: string): RequestContext =>
  createRequestContext({ tenantId, subject: 'tester', roles: [], scopes: [] });
const run = async (source: string, variables: Record<string, unknown> = {}, context = as('a'), subgraph = object) =>
  (await graphql({
    schema: subgraph.schema,
    source,
    variableValues: variables,
    contextValue: context,
  })) as ExecutionResult<Record<string, any>>; // eslint-disable-line @typescript-eslint/no-explicit-any -- answers of any shape
const codes = (result: ExecutionResult) => result.errors?.map(({ extensions }) => extensions.code) ?? [];

const PUT = `mutation ($input: PutObjectInput!) { putObject(input: $input) { object { key sizeBytes contentType checksum updatedAt text } } }`;
const put = (input: Record<string, unknown>, context?: RequestContext) =>
  run(PUT, { input: { contentType: 'text/plain', encoding: 'UTF8', content: 'x', ...input } }, context);
const FIELDS = `{ key sizeBytes contentType checksum updatedAt downloadUrl text }`;

describe('writing', () => {
  it('stores a small object and gives it back', async () => {
    const { data, errors } = await put({ key: 'notes/ü.md', content: 'Grüße', contentType: 'text/markdown' });
    expect(errors).toBeUndefined();
    expect(data!.putObject.object).toEqual({
      key: 'notes/ü.md',
      sizeBytes: 7,
      contentType: 'text/markdown',
      checksum: createHash('sha256').update('Grüße').digest('hex'),
      updatedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      text: 'Grüße',
    });
  });

  it('takes bytes as base64', async () => {
    const bytes = Buffer.from([0, 255, 1, 254]);
    const { data } = await put({
      key: 'bytes',
      content: bytes.toString('base64'),
      encoding: 'BASE64',
      contentType: 'application/octet-stream',
    });
    expect(data!.putObject.object).toMatchObject({ sizeBytes: 4, text: null });
  });

  it('changes nothing when the same is stored again, and what is read follows what is written', async () => {
    const context = as('a');
    const first = await put({ key: 'again', content: 'one' }, context);
    const same = await put({ key: 'again', content: 'one' }, context);
    expect(same.data!.putObject.object.updatedAt).toEqual(first.data!.putObject.object.updatedAt);
    const other = await put({ key: 'again', content: 'two' }, context);
    expect(other.data!.putObject.object.text).toBe('two');
    const retyped = await put({ key: 'again', content: 'two', contentType: 'text/html' }, context);
    expect(retyped.data!.putObject.object.contentType).toBe('text/html');
  });

  it('deletes once', async () => {
    await put({ key: 'gone' });
    const remove = `mutation { deleteObject(input: { key: "gone" }) { key deleted } }`;
    expect((await run(remove)).data!.deleteObject).toEqual({ key: 'gone', deleted: true });
    expect((await run(remove)).data!.deleteObject).toEqual({ key: 'gone', deleted: false });
    expect((await run(`{ object(key: "gone") ${FIELDS} }`)).data!.object).toBeNull();
  });

  it('signs an upload that a client can send', async () => {
    const { data, errors } = await run(
      `mutation Upload { requestUpload(input: { key: "notes/today.md", contentType: "text/markdown", sizeBytes: 12 }) { url method headers { name value } object { key sizeBytes } } }`,
    );
    expect(errors).toBeUndefined();
    const {
      url,
      method,
      headers,
      object: announced,
    } = data!.requestUpload as {
      url: string;
      method: string;
      headers: { name: string; value: string }[];
      object: unknown;
    };
    expect(url).toMatch(/^http:\/\/gateway\.test\/objects\/a\/notes\/today\.md\?/);
    expect(announced).toEqual({ key: 'notes/today.md', sizeBytes: null });
    const request = new Request(url, {
      method,
      headers: headers.map(({ name, value }): [string, string] => [name, value]),
      body: 'Hello there!',
    });
    const stored = await object.routes[0]!.handle(request);
    expect(stored.status).toBe(201);
    expect(await stored.json()).toMatchObject({ key: 'notes/today.md', size: 12, mediaType: 'text/markdown' });
    expect((await run(`{ object(key: "notes/today.md") { text } }`)).data!.object.text).toBe('Hello there!');
  });

  const keys = {
    traversal: 'a/../b',
    dots: '..',
    absolute: '/etc/passwd',
    'an empty segment': 'a//b',
    'a slash at the end': 'a/',
    'a backslash': 'a\\b',
    NUL: 'a\0b',
    'a line break': 'a\nb',
    'half a character': 'a\ud800',
    nothing: '',
    'too many bytes': 'ü'.repeat(513),
    'a megabyte': 'x'.repeat(1_000_000),
  };
  it.each(Object.entries(keys))('refuses a key with %s everywhere', async (_what, key) => {
    expect(codes(await put({ key }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await run(`query ($key: String!) { object(key: $key) { key } }`, { key }))).toEqual([
      'BAD_USER_INPUT',
    ]);
    expect(
      codes(await run(`mutation ($key: String!) { deleteObject(input: { key: $key }) { key } }`, { key })),
    ).toEqual(['BAD_USER_INPUT']);
    expect(
      codes(
        await run(
          `mutation ($key: String!) { requestUpload(input: { key: $key, contentType: "a/b", sizeBytes: 1 }) { url } }`,
          { key },
        ),
      ),
    ).toEqual(['BAD_USER_INPUT']);
  });

  it('accepts the longest key', async () => {
    for (const key of [`long/${'ü'.repeat(509)}x`, Array.from({ length: 512 }, () => 'K').join('/')]) {
      expect(Buffer.byteLength(key)).toBeGreaterThan(1_022);
      expect((await put({ key })).errors).toBeUndefined();
      expect(
        (await run(`query ($prefix: String!) { objects(prefix: $prefix) { edges { node { key } } } }`, { prefix: key }))
          .data!.objects.edges,
      ).toEqual([{ node: { key } }]);
    }
  });

  it('refuses other input that cannot be meant', async () => {
    const upload = (input: Record<string, unknown>) =>
      run(`mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { url } }`, {
        input: { key: 'k', contentType: 'a/b', sizeBytes: 1, ...input },
      });
    for (const input of [
      { sizeBytes: -1 },
      { sizeBytes: 1.5 },
      { sizeBytes: 1e15 },
      { sha256: 'xyz' },
      { expiresIn: 0 },
      { expiresIn: 86_401 },
      { contentType: 'text' },
      { contentType: 'a/b\r\nx: y' },
      { contentType: `a/${'b'.repeat(300)}` },
    ]) {
      expect(codes(await upload(input)), JSON.stringify(input)).toEqual(['BAD_USER_INPUT']);
    }
    expect(codes(await put({ key: 'k', content: 'not base64!', encoding: 'BASE64' }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await put({ key: 'k', content: '\ud800' }))).toEqual(['BAD_USER_INPUT']);
    expect(codes(await put({ key: 'k', content: 'x'.repeat(8 * 1024 * 1024 + 1) }))).toEqual(['PAYLOAD_TOO_LARGE']);
    expect((await run(`{ object(key: "k") { key } }`)).data!.object).toBeNull();
  });
});

describe('names', () => {
  const upload = (input: Record<string, unknown>) =>
    run(`mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { url headers { name value } } }`, {
      input: { key: 'named', ...input },
    });
  const literal = (size: string) =>
    run(`mutation { requestUpload(input: { key: "named", mediaType: "a/b", size: ${size} }) { url } }`);

  it('of before mean the same as those of now', async () => {
    const { data } = await put({ key: 'named', content: 'four', contentType: null, mediaType: 'text/html' });
    expect(data!.putObject.object).toMatchObject({ sizeBytes: 4, contentType: 'text/html' });
    expect((await run(`{ object(key: "named") { size mediaType } }`)).data!.object).toEqual({
      size: 4,
      mediaType: 'text/html',
    });
    const headers = async (input: Record<string, unknown>) => (await upload(input)).data!.requestUpload.headers;
    expect(await headers({ mediaType: 'a/b', size: 1 })).toEqual(await headers({ contentType: 'a/b', sizeBytes: 1 }));
    expect(codes(await upload({ mediaType: 'a/b', contentType: 'a/b', size: 1, sizeBytes: 1 }))).toEqual([]);
  });

  it.each([
    [{ mediaType: 'a/b', contentType: 'a/c', size: 1 }, /`mediaType` and `contentType` are two names of one thing/],
    [{ mediaType: 'a/b', size: 1, sizeBytes: 2 }, /`size` and `sizeBytes` are two names of one thing/],
    [{ size: 1 }, /`mediaType` is required/],
    [{ mediaType: 'a/b' }, /`size` is required/],
    [{ mediaType: 'a/b', size: null, sizeBytes: null }, /`size` is required/],
  ])('refuse %j', async (input, message) => {
    const result = await upload(input);
    expect(codes(result)).toEqual(['BAD_USER_INPUT']);
    expect(result.errors![0]!.message).toMatch(message);
  });

  it('sizes are whole numbers past 2 GiB', async () => {
    const fiveGiB = 5 * 1024 ** 3;
    for (const size of [fiveGiB, String(fiveGiB), 0, '-0'])
      expect(codes(await upload({ mediaType: 'a/b', size })), String(size)).toEqual([]);
    for (const size of ['5368709120', '"5368709120"', '0']) expect(codes(await literal(size)), size).toEqual([]);
    for (const size of [fiveGiB + 1, -1, 2 ** 53 - 1])
      expect(codes(await upload({ mediaType: 'a/b', size })), String(size)).toEqual(['BAD_USER_INPUT']);
    for (const size of [1.5, 2 ** 53, '9007199254740993', '1e3', '0x10', '', ' 1', '1 ', 'NaN', true, [1], {}])
      expect((await upload({ mediaType: 'a/b', size })).errors![0]!.message, String(size)).toMatch(/BigInt must be/);
    for (const size of ['1.5', '9007199254740993', 'true', '"1e3"'])
      expect((await literal(size)).errors![0]!.message, size).toMatch(/BigInt must be/);
  });
});

describe('reading', () => {
  it('pages through keys under a prefix', async () => {
    const context = as('pages');
    for (const key of ['p/1', 'p/2', 'p/3', 'q/1']) await put({ key }, context);
    const query = `query ($after: String) { objects(prefix: "p/", first: 2, after: $after) { edges { cursor node { key sizeBytes contentType updatedAt } } pageInfo { hasNextPage endCursor } } }`;
    const first = (await run(query, {}, as('pages'))).data!.objects;
    expect(first.edges.map((edge: { node: { key: string } }) => edge.node.key)).toEqual(['p/1', 'p/2']);
    expect(first.pageInfo.hasNextPage).toBe(true);
    await put({ key: 'p/11' }, context); // Behind the first page's start, and before its end: the next page does not move.
    const second = (await run(query, { after: first.pageInfo.endCursor }, as('pages'))).data!.objects;
    expect(second.edges.map((edge: { node: { key: string } }) => edge.node.key)).toEqual(['p/3']);
    expect(second.pageInfo.hasNextPage).toBe(false);
  });

  it('counts what is under a prefix when asked, up to a bound', async () => {
    for (const key of ['c/1', 'c/2', 'c/3']) await put({ key }, as('counted'));
    const counted = async (fields: string) => {
      const context = as('counted');
      const { data } = await run(`{ objects(prefix: "c/", first: 1) { ${fields} } }`, {}, context);
      return [data!.objects.totalCount, context.statements.total];
    };
    expect(await counted('totalCount')).toEqual([3, 2]);
    expect(await counted('nodes { key }')).toEqual([undefined, 1]);
  });

  it('looks up the keys that a filter narrows to at once, and counts a page that is all without looking again', async () => {
    for (const key of ['k/1', 'k/2', 'k/3']) await put({ key }, as('narrowed'));
    const asked = async (where: string, fields: string) => {
      const context = as('narrowed');
      const { data, errors } = await run(`{ objects(where: ${where}) { ${fields} } }`, {}, context);
      expect(errors).toBeUndefined();
      return [data!.objects, context.statements.total];
    };
    const all = 'nodes { key } totalCount';
    const keys = '{ key: { in: ["k/3", "k/1", "none", "/not", "k//"] }, size: { gte: 1 } }';
    expect(await asked(keys, all)).toEqual([{ nodes: [{ key: 'k/1' }, { key: 'k/3' }], totalCount: 2 }, 1]);
    expect(await asked(keys, 'totalCount')).toEqual([{ totalCount: 2 }, 1]);
    expect(await asked('{ key: { startsWith: "k//" } }', all)).toEqual([{ nodes: [], totalCount: 0 }, 0]);
    expect(await asked('{ key: { in: [] } }', all)).toEqual([{ nodes: [], totalCount: 0 }, 0]);
    const cursor = Buffer.from(JSON.stringify(['documents', 'k/1'])).toString('base64url');
    const other = await run(`{ objects(where: ${keys}, after: "${cursor}") { nodes { key } } }`);
    expect(codes(other)).toEqual(['BAD_USER_INPUT']);
  });

  it('refuses pages that cannot be meant', async () => {
    for (const args of [
      'first: -1',
      'first: 201',
      'after: "nonsense"',
      'prefix: "a/../"',
      'prefix: "/a"',
      'prefix: "a\\u0000"',
      `prefix: "${'x'.repeat(2_000)}"`,
    ]) {
      expect(codes(await run(`{ objects(${args}) { edges { node { key } } } }`)), args).toEqual(['BAD_USER_INPUT']);
    }
    expect(
      (await run(`{ objects(first: 0) { edges { node { key } } pageInfo { hasNextPage } } }`)).data!.objects.edges,
    ).toEqual([]);
  });

  it('never cuts a character, and marks bytes that are no text', async () => {
    await put({ key: 'text/utf8', content: 'aé€😀' });
    const texts = await run(
      `{ object(key: "text/utf8") { ${[1, 2, 3, 5, 6, 9, 10, 11].map((bytes) => `b${bytes}: text(maxBytes: ${bytes})`).join(' ')} } }`,
    );
    expect(texts.data!.object).toEqual({
      b1: 'a',
      b2: 'a',
      b3: 'aé',
      b5: 'aé',
      b6: 'aé€',
      b9: 'aé€',
      b10: 'aé€😀',
      b11: 'aé€😀',
    });
    const base64 = (key: string, bytes: number[], contentType: string) =>
      put({ key, content: Buffer.from(bytes).toString('base64'), encoding: 'BASE64', contentType });
    expect((await base64('text/broken', [0x61, 0xff, 0x62, 0xc3], 'text/plain')).data!.putObject.object.text).toBe(
      'a\ufffdb\ufffd',
    );
    expect((await base64('text/latin1', [0xe9], 'text/plain; charset=iso-8859-1')).data!.putObject.object.text).toBe(
      'é',
    );
    expect((await base64('text/png', [0x61], 'image/png')).data!.putObject.object.text).toBeNull();
    expect((await base64('text/json', [0x7b, 0x7d], 'application/vnd.api+json')).data!.putObject.object.text).toBe(
      '{}',
    );
    for (const bytes of [0, -1, 1024 * 1024 + 1])
      expect(codes(await run(`{ object(key: "text/utf8") { text(maxBytes: ${bytes}) } }`))).toEqual(['BAD_USER_INPUT']);
  });

  it('bounds how much text one request reads', async () => {
    const content = 'x'.repeat(1024 * 1024);
    const keys = Array.from({ length: 50 }, (_, at) => `big/${at}`);
    for (const key of keys) await put({ key, content }, as('big'));
    const result = await run(
      `{ objects(prefix: "big/", first: 50) { edges { node { key text(maxBytes: 1048576) } } } }`,
      {},
      as('big'),
    );
    const read = (result.data!.objects.edges as { node: { text: string | null } }[]).filter(
      ({ node }) => node.text !== null,
    ).length;
    expect(read).toBeGreaterThanOrEqual(32);
    expect(read).toBeLessThan(48);
    expect(new Set(codes(result))).toEqual(new Set(['QUERY_TOO_COSTLY']));
  });
});

describe('references from other subgraphs', () => {
  const ENTITIES = `query ($keys: [_Any!]!) { _entities(representations: $keys) { ... on StoredObject ${FIELDS} } }`;
  const references = (...keys: string[]) => ({ keys: keys.map((key) => ({ __typename: 'StoredObject', key })) });

  it('are all resolved with one statement for what they are and one for their text', async () => {
    for (let at = 0; at < 30; at++) await put({ key: `many/${at}`, content: `${at}` });
    const context = as('a');
    const { data, errors } = await run(
      ENTITIES,
      references(...Array.from({ length: 30 }, (_, at) => `many/${29 - at}`)),
      context,
    );
    expect(errors).toBeUndefined();
    expect((data!._entities as { text: string }[]).map(({ text }) => text)).toEqual(
      Array.from({ length: 30 }, (_, at) => `${29 - at}`),
    );
    expect(context.statements.counts()).toEqual({ files: 2 });
  });

  it('are null, without an error, where nothing is or can be stored', async () => {
    const nothing = {
      sizeBytes: null,
      contentType: null,
      checksum: null,
      updatedAt: null,
      downloadUrl: null,
      text: null,
    };
    const { data, errors } = await run(ENTITIES, references('not/yet', '../../etc/passwd', ''));
    expect(errors).toBeUndefined();
    expect(data!._entities).toEqual([
      { key: 'not/yet', ...nothing },
      { key: '../../etc/passwd', ...nothing },
      { key: '', ...nothing },
    ]);
  });

  it('show nothing of another tenant', async () => {
    await put({ key: 'secret', content: 'of a' }, as('a'));
    const { data } = await run(ENTITIES, references('secret'), as('b'));
    expect(data!._entities[0]).toMatchObject({ sizeBytes: null, downloadUrl: null, text: null });
    expect(
      (await run(`{ object(key: "secret") { key } objects { edges { node { key } } } }`, {}, as('b'))).data,
    ).toEqual({ object: null, objects: { edges: [] } });
    expect(
      (await run(`mutation { deleteObject(input: { key: "secret" }) { deleted } }`, {}, as('b'))).data!.deleteObject
        .deleted,
    ).toBe(false);
    const mine = (await run(`{ object(key: "secret") { downloadUrl } }`, {}, as('a'))).data!.object
      .downloadUrl as string;
    await expect(
      object.routes[0]!.handle(new Request(mine.replace('/objects/a/', '/objects/b/'))),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('signed downloads under conditions', () => {
  const download = async (headers: Readonly<Record<string, string | undefined>>, method = 'GET'): Promise<Response> => {
    await put({ key: 'conditions', content: 'bytes' }, as('a'));
    const url = (await run(`{ object(key: "conditions") { downloadUrl } }`, {}, as('a'))).data!.object
      .downloadUrl as string;
    return object.routes[0]!.handle(new Request(url, { method, headers: headers as Record<string, string> }));
  };
  const version = async () => {
    const { headers } = await download({}, 'HEAD');
    const modified = headers.get('last-modified')!;
    const moment = (offset: number) => new Date(Date.parse(modified) + offset).toUTCString();
    return { etag: headers.get('etag')!, modified, before: moment(-1_000), after: moment(1_000) };
  };

  it('send nothing that the client has, and say what it is', async () => {
    const { etag, modified, before, after } = await version();
    for (const headers of [
      { 'If-None-Match': etag },
      { 'If-None-Match': `"other", W/${etag}` },
      { 'If-None-Match': '*' },
      // As clients of S3 write it.
      { 'If-None-Match': `other, ${etag.replaceAll('"', '')}` },
      { 'If-Modified-Since': modified },
      { 'If-Modified-Since': after },
      // The tag decides where both are there.
      { 'If-None-Match': etag, 'If-Modified-Since': before },
      { 'If-None-Match': etag, Range: 'bytes=0-1' },
    ]) {
      const answer = await download(headers);
      expect([answer.status, await answer.text()], JSON.stringify(headers)).toEqual([304, '']);
      expect(answer.headers.get('etag')).toBe(etag);
    }
    expect((await download({ 'If-None-Match': etag }, 'HEAD')).status).toBe(304);
  });

  it('send what the client has not', async () => {
    const { etag, modified, before } = await version();
    for (const headers of [
      { 'If-None-Match': '"other"' },
      { 'If-None-Match': '' },
      // No date of HTTP: what old browsers added, and what is none at all.
      { 'If-Modified-Since': `${modified}; length=5` },
      { 'If-Modified-Since': new Date().toISOString() },
      { 'If-None-Match': '"other"', 'If-Modified-Since': modified },
      { 'If-Modified-Since': before },
      { 'If-Modified-Since': 'yesterday' },
      { 'If-Match': etag },
      { 'If-Match': `"other", ${etag}` },
      { 'If-Match': '*' },
      { 'If-Match': etag.replaceAll('"', '') },
      { 'If-Unmodified-Since': modified },
    ]) {
      const answer = await download(headers);
      expect([answer.status, await answer.text()], JSON.stringify(headers)).toEqual([200, 'bytes']);
    }
  });

  it('fail where the client wants another version', async () => {
    const { etag, before } = await version();
    for (const headers of [
      { 'If-Match': '"other"' },
      { 'If-Match': `W/${etag}` },
      { 'If-Unmodified-Since': before },
      { 'If-Match': '"other"', 'If-None-Match': etag },
      { 'If-Match': 'other' },
      // A part of another version would be a corrupt file.
      { 'If-Match': '"other"', Range: 'bytes=0-1' },
    ]) {
      const answer = await download(headers);
      expect([answer.status, await answer.text()], JSON.stringify(headers)).toEqual([412, '']);
    }
  });

  it('send a part only of the version that the client has the rest of', async () => {
    const { etag, modified, before } = await version();
    for (const [condition, status] of [
      [etag, 206],
      [modified, 206],
      ['"other"', 200],
      [`W/${etag}`, 200],
      [before, 200],
    ] as const)
      expect((await download({ Range: 'bytes=0-1', 'If-Range': condition })).status, condition).toBe(status);
  });
});

describe('the subgraph', () => {
  it('archives for other subgraphs', async () => {
    await object.provides.archiveSink!.put(as('a'), 'runs/1.jsonl', 'application/x-ndjson', Buffer.from('{}\n'));
    expect((await run(`{ object(key: "runs/1.jsonl") { text } }`)).data!.object.text).toBe('{}\n');
    await expect(object.provides.archiveSink!.put(as('a'), '../x', 'a/b', new Uint8Array())).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    });
  });

  it('has the same shape and clear errors when it is switched off', async () => {
    const off = await createObject({ driver: { kind: 'off' } });
    const result = await run(`{ objects { edges { node { key } } } object(key: "k") { key } }`, {}, as('a'), off);
    expect(result.data).toEqual({ objects: null, object: null });
    expect(codes(result)).toEqual(['STORE_DISABLED', 'STORE_DISABLED']);
    expect(await off.health()).toMatchObject([{ state: 'disabled' }]);
    await off.close();
  });

  it('keeps to what the operator sets: uploads, links and text of one request', async () => {
    const bounded = await createObject({
      uploadBytes: 10,
      linkSeconds: 600,
      textBytes: 3,
      driver: { kind: 'files', dataDir, signingKey: new Uint8Array(16), publicBaseUrl: () => 'http://gateway.test' },
    });
    const upload = (input: string) =>
      run(
        `mutation { requestUpload(input: { key: "bounded", contentType: "text/plain", ${input} }) { url } }`,
        {},
        as('a'),
        bounded,
      );
    expect(codes(await upload('sizeBytes: 10, expiresIn: 600'))).toEqual([]);
    const [tooLarge] = (await upload('sizeBytes: 11')).errors!;
    expect(tooLarge).toMatchObject({
      message: '`size` is at most 10; got 11.',
      extensions: { code: 'BAD_USER_INPUT' },
    });
    const [tooLong] = (await upload('sizeBytes: 10, expiresIn: 601')).errors!;
    expect(tooLong).toMatchObject({
      message: '`expiresIn` must be from 1 to 600 seconds; got 601.',
      extensions: { code: 'BAD_USER_INPUT' },
    });
    for (const key of ['bounded/1', 'bounded/2'])
      await run(
        `mutation { putObject(input: { key: "${key}", contentType: "text/plain", content: "four", encoding: UTF8 }) { object { key } } }`,
      );
    const texts = `{ a: object(key: "bounded/1") { text(maxBytes: 4) } b: object(key: "bounded/2") { text(maxBytes: 5) } }`;
    expect(codes(await run(texts, {}, as('a'), bounded))).toEqual(['QUERY_TOO_COSTLY']);
    expect(codes(await run(texts))).toEqual([]);
    await bounded.close();
  });

  it('is healthy, and down when its folder is gone', async () => {
    expect(await object.health()).toMatchObject([{ store: 'files', state: 'ok' }]);
    const folder = await mkdtemp(join(tmpdir(), 'tributary-object-'));
    const other = await createObject({
      driver: { kind: 'files', dataDir: folder, signingKey: new Uint8Array(16), publicBaseUrl: () => '' },
    });
    await rm(folder, { recursive: true });
    // That nothing is found there must not look as if nothing was stored.
    const result = await run(`{ object(key: "k") { key } objects { edges { node { key } } } }`, {}, as('a'), other);
    expect(codes(result)).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
    expect(codes(await run(`mutation { deleteObject(input: { key: "k" }) { deleted } }`, {}, as('a'), other))).toEqual([
      'STORE_UNAVAILABLE',
    ]);
    expect(await other.health()).toMatchObject([
      { store: 'files', state: 'down', detail: expect.stringContaining('DATA_DIR') as string },
    ]);
  });
});

/** Conditions as users of file servers found them misread. */
describe('conditions of a download', () => {
  const etag = '"5d41402a,b"';
  const updatedAt = new Date('2025-11-06T08:49:37.600Z');
  const name = 'if-none-match';
  it.each<[string, Record<string, string>, 'SEND' | 'UNCHANGED' | 'FAILED']>([
    ['the tag', { [name]: etag }, 'UNCHANGED'],
    ['the tag as a proxy that compresses gives it back', { [name]: `W/${etag}` }, 'UNCHANGED'],
    ['a list, the tag last', { [name]: `"other", W/"more",${etag}` }, 'UNCHANGED'],
    ['a list with empty members', { [name]: `, ,${etag},` }, 'UNCHANGED'],
    ['anything', { [name]: ' * ' }, 'UNCHANGED'],
    ['a half of the tag', { [name]: '"5d41402a"' }, 'SEND'],
    ['the tag without quotes', { [name]: '5d41402a,b' }, 'SEND'],
    ['a tag that is never closed', { [name]: '"5d41402a,b' }, 'SEND'],
    ["the tag with a proxy's ending", { [name]: '"5d41402a,b-gzip"' }, 'SEND'],
    ['nothing', { [name]: '' }, 'SEND'],
    [
      'another tag, and a date that would be one',
      { [name]: '"x"', 'if-modified-since': 'Thu, 06 Nov 2025 08:49:37 GMT' },
      'SEND',
    ],
    ['the date', { 'if-modified-since': 'Thu, 06 Nov 2025 08:49:37 GMT' }, 'UNCHANGED'],
    ['a second less', { 'if-modified-since': 'Thu, 06 Nov 2025 08:49:36 GMT' }, 'SEND'],
    ['the date as RFC 850 writes it', { 'if-modified-since': 'Thursday, 06-Nov-25 08:49:37 GMT' }, 'UNCHANGED'],
    ['the date as C writes it', { 'if-modified-since': 'Thu Nov  6 08:49:37 2025' }, 'UNCHANGED'],
    ['a second less as C writes it', { 'if-modified-since': 'Thu Nov  6 08:49:36 2025' }, 'SEND'],
    ['a number for a date', { 'if-modified-since': '1762418977' }, 'SEND'],
    ['what is no date', { 'if-modified-since': 'Thu, yesterday' }, 'SEND'],
    ['the tag is there', { 'if-match': `"x", ${etag}` }, 'SEND'],
    ['any is there', { 'if-match': '*' }, 'SEND'],
    ['a weak one is there', { 'if-match': `W/${etag}` }, 'FAILED'],
    ['another is there', { 'if-match': '"x"' }, 'FAILED'],
    ['unchanged since long ago', { 'if-unmodified-since': 'Thu, 06 Nov 2025 08:49:36 GMT' }, 'FAILED'],
  ])('%s', (_, headers, expected) => {
    // HTTP's dates are GMT's, wherever the server stands.
    for (const zone of ['UTC', 'America/New_York', 'Asia/Kolkata']) {
      vi.stubEnv('TZ', zone);
      expect(Intl.DateTimeFormat().resolvedOptions().timeZone).toMatch(zone.split('/')[0] === 'Asia' ? /^Asia/ : zone);
      expect(decide(new Headers(headers), { etag, updatedAt }), zone).toBe(expected);
    }
    vi.unstubAllEnvs();
  });
});
