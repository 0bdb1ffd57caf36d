/** Bodies that are compressed, in either direction. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import * as zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type GraphqlAnswer, type TestServer } from './fixture.ts';

let it: TestServer;
let plain: TestServer;
const BODY_LIMIT_BYTES = '100000';
beforeAll(async () => {
  it = await startTestServer({ BODY_LIMIT_BYTES, REQUEST_TIMEOUT_MS: '1500' });
  plain = await startTestServer({ COMPRESSION: 'off' });
  for (const server of [it, plain]) for (let n = 0; n < 900; n++) server.library.add(`Book number ${n} of the shelf`);
});
afterAll(async () => {
  await it[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
});

interface Sent {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
}

async function open(
  headers: Record<string, string>,
  body?: string | Buffer,
  method = 'POST',
  path = '/graphql',
  url = it.url,
) {
  const request = httpRequest(`${url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function send(...parameters: Parameters<typeof open>): Promise<Sent> {
  const response = await open(...parameters);
  const bytes = Buffer.concat((await response.toArray()) as Buffer[]);
  return { status: response.statusCode!, headers: response.headers, bytes };
}

const hasZstd = 'zstdDecompressSync' in zlib;
const zstd = zlib as unknown as { zstdDecompressSync(bytes: Buffer): Buffer; zstdCompressSync(bytes: Buffer): Buffer };
const unpack: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => zlib.gunzipSync(bytes),
  br: (bytes) => zlib.brotliDecompressSync(bytes),
  zstd: (bytes) => zstd.zstdDecompressSync(bytes),
};
/** What is preferred where a client does not say. */
const best = hasZstd ? 'zstd' : 'br';

const LONG = '{"query":"{ books(first: 100) { id title } }"}';
/** Over what is compressed at once. */
const LONGER = '{"query":"{ books(first: 900) { id title stars } }"}';

describe('answers', () => {
  test.each([
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate', 'gzip'],
    ['gzip, deflate, br, zstd', best],
    ['*', best],
    ['br;q=0.5, gzip;q=0.8, *;q=0', 'gzip'],
    ['gzip;q=1.0, identity; q=0.5', 'gzip'],
    ['br;q=0, zstd;q=0, *', 'gzip'],
    ['', undefined],
    ['identity', undefined],
    ['gzip;q=0', undefined],
    ['identity;q=1, gzip;q=0.5', undefined],
    ['deflate', undefined],
    ['compress, nonsense;q=x', undefined],
    ['gzip;q=nonsense', undefined],
  ])('to a client that takes %j', async (accepted, encoding) => {
    for (const body of [LONG, LONGER]) {
      const { status, headers, bytes } = await send({ 'accept-encoding': accepted }, body);
      expect([status, headers['content-encoding']]).toEqual([200, encoding]);
      expect(headers.vary).toBe('Origin, Accept-Encoding');
      expect(Number(headers['content-length'])).toBe(bytes.length);
      const whole = await send({}, body);
      expect(whole.headers['content-encoding']).toBeUndefined();
      expect((encoding === undefined ? bytes : unpack[encoding]!(bytes)).equals(whole.bytes)).toBe(true);
      if (encoding !== undefined) expect(bytes.length).toBeLessThan(whole.bytes.length / 3);
    }
  });

  test('short ones stay as they are, and where it is switched off all do', async () => {
    const short = await send({ 'accept-encoding': 'gzip' }, '{"query":"{ __typename }"}');
    expect([short.headers['content-encoding'], short.headers.vary]).toEqual([undefined, 'Origin']);
    const off = await send({ 'accept-encoding': 'gzip, br, zstd' }, LONG, 'POST', '/graphql', plain.url);
    expect([off.headers['content-encoding'], off.headers.vary]).toEqual([undefined, 'Origin']);
  });

  test('HEAD tells what GET would', async () => {
    const path = '/graphql?query=%7Bbooks(first:100)%7Bid%20title%7D%7D';
    const got = await send({ 'accept-encoding': 'gzip' }, undefined, 'GET', path);
    const head = await send({ 'accept-encoding': 'gzip' }, undefined, 'HEAD', path);
    for (const name of ['content-encoding', 'content-length', 'content-type', 'vary'])
      expect(head.headers[name]).toBe(got.headers[name]);
    expect(head.bytes).toHaveLength(0);
  });

  test('a part of a deferred answer reaches the client before the next is there', async () => {
    for (const encoding of hasZstd ? ['gzip', 'br', 'zstd'] : ['gzip', 'br']) {
      const response = await open(
        { 'accept-encoding': encoding, accept: 'multipart/mixed' },
        '{"query":"{ books(first: 3) { id } ... @defer { never } }"}',
      );
      expect(response.headers['content-encoding']).toBe(encoding);
      const decoder = {
        gzip: () => zlib.createGunzip(),
        br: () => zlib.createBrotliDecompress(),
        zstd: () => (zlib as unknown as { createZstdDecompress(): zlib.Gunzip }).createZstdDecompress(),
      }[encoding]!();
      let text = '';
      for await (const chunk of response.pipe(decoder).setEncoding('utf8') as AsyncIterable<string>) {
        // What is deferred is answered when its time is up, and not before.
        if (!text.includes('"data"') && (text + chunk).includes('"data"'))
          expect(it.library.waiting, encoding).toHaveLength(1);
        text += chunk;
      }
      expect(text).toMatch(/^\r\n---\r\n.*"books":.*\r\n---\r\n.*REQUEST_TIMEOUT.*\r\n-----\r\n$/s);
    }
  });

  test('events are never held back in a compressor', async () => {
    for (const accept of ['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0']) {
      const response = await open(
        { 'accept-encoding': 'gzip, br, zstd', accept },
        '{"query":"subscription { bookAdded { title } }"}',
      );
      expect(response.headers['content-encoding']).toBeUndefined();
      expect(response.headers['cache-control']).toContain('no-transform');
      await it.library.until(() => it.library.listeners.size === 1);
      it.library.add('Seen at once');
      let text = '';
      for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
        text += chunk;
        if (text.includes('Seen at once')) break;
      }
      response.destroy();
      await it.library.until(() => it.library.listeners.size === 0);
    }
  });
});

describe('requests', () => {
  const query = Buffer.from('{"query":"query ($text: String) { echo(text: $text) }","variables":{"text":"é"}}');
  const packed: [encoding: string, bytes: Buffer][] = [
    ['gzip', zlib.gzipSync(query)],
    ['x-gzip', zlib.gzipSync(query)],
    [' GZip ', zlib.gzipSync(query)],
    ['gzip', Buffer.concat([zlib.gzipSync(query.subarray(0, 20)), zlib.gzipSync(query.subarray(20))])],
    ['deflate', zlib.deflateSync(query)],
    ['deflate', zlib.deflateRawSync(query)],
    ['br', zlib.brotliCompressSync(query)],
    ['identity', query],
    ['', query],
    ...(hasZstd ? [['zstd', zstd.zstdCompressSync(query)] as [string, Buffer]] : []),
  ];
  test.each(packed)('in %s', async (encoding, bytes) => {
    const { status, bytes: answer } = await send({ 'content-encoding': encoding }, bytes);
    expect([status, answer.toString()]).toEqual([200, '{"data":{"echo":"é"}}']);
  });

  const bomb = Buffer.from(`{"query":"{ __typename }","variables":{"x":"${'0'.repeat(50_000_000)}"}}`);
  const refused: [name: string, encoding: string, bytes: Buffer, status: number, code: string][] = [
    ['an encoding that nobody knows', 'lzma', query, 415, 'BAD_USER_INPUT'],
    ['a name of Object.prototype', 'constructor', query, 415, 'BAD_USER_INPUT'],
    ['two encodings', 'gzip, gzip', zlib.gzipSync(zlib.gzipSync(query)), 415, 'BAD_USER_INPUT'],
    ['what is not packed', 'gzip', query, 400, 'BAD_USER_INPUT'],
    ['what is packed otherwise', 'br', zlib.gzipSync(query), 400, 'BAD_USER_INPUT'],
    ['half of it', 'gzip', zlib.gzipSync(query).subarray(0, 40), 400, 'BAD_USER_INPUT'],
    ['nothing', 'gzip', Buffer.alloc(0), 400, 'BAD_USER_INPUT'],
    ['fifty megabytes in fifty kilobytes', 'gzip', zlib.gzipSync(bomb), 413, 'PAYLOAD_TOO_LARGE'],
    ['the same in a hundred bytes', 'br', zlib.brotliCompressSync(bomb), 413, 'PAYLOAD_TOO_LARGE'],
    ['too much as it comes', 'gzip', Buffer.alloc(150_000, 1), 413, 'PAYLOAD_TOO_LARGE'],
  ];
  test.each(refused)('with %s is refused', async (_, encoding, bytes, status, code) => {
    const sent = await send({ 'content-encoding': encoding }, bytes);
    expect(sent.status).toBe(status);
    expect((JSON.parse(sent.bytes.toString()) as GraphqlAnswer).errors![0]!.extensions).toMatchObject({ code });
    if (status === 415) expect(sent.headers['accept-encoding']).toMatch(/^gzip, deflate, br/);
    expect((await send({}, query)).status).toBe(200);
  });

  test('of agents are read too', async () => {
    const message = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
    const sent = await send(
      { 'content-encoding': 'gzip', accept: 'application/json, text/event-stream' },
      zlib.gzipSync(message),
      'POST',
      '/mcp',
    );
    expect([sent.status, sent.bytes.toString()]).toEqual([200, expect.stringContaining('search_schema')]);
    expect((await send({ 'content-encoding': 'lzma' }, message, 'POST', '/mcp')).status).toBe(415);
  });
});
