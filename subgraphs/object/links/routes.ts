/** Answers signed URLs: downloads with ranges, and uploads that are checked while they stream to the store. */
import { Readable } from 'node:stream';
import { StatementCounter } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError, forbidden, notFound } from '#subgraphs/shared/errors.ts';
import type { Route } from '#subgraphs/shared/subgraph.ts';
import { parseRange } from './byte-range.ts';
import { decide, sameVersion } from './conditions.ts';
import { attachment } from './content-disposition.ts';
import type { ObjectDriver, ObjectInfo, ObjectScope } from '../driver.ts';
import { SIGNED_PREFIX, type SignedGrant, type UrlSigner } from './signed-urls.ts';

/**
 * What goes with every answer. Objects are anybody's bytes and share GraphiQL's origin: nothing in them may run there,
 * be guessed to be HTML, or be kept by a cache that other people read. Other origins may embed them (an image in a
 * frontend): who has the URL may have the bytes.
 */
const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "sandbox; default-src 'none'",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': 'private, no-store',
  'Referrer-Policy': 'no-referrer',
};

/** The routes below `/objects/`. The signature is the only credential: it stands for the tenant that asked for it. */
export function createSignedRoutes(driver: ObjectDriver, signer: UrlSigner): readonly Route[] {
  return [
    {
      methods: ['GET', 'HEAD', 'PUT'],
      prefix: SIGNED_PREFIX,
      async handle(request) {
        const grant = signer.verify(new URL(request.url));
        const needed = request.method === 'HEAD' ? 'GET' : request.method;
        if (grant.method !== needed)
          throw forbidden(`This URL is signed for ${grant.method}, not for ${request.method}.`);
        const scope: ObjectScope = {
          tenantId: grant.tenantId,
          statements: new StatementCounter(),
          signal: request.signal,
        };
        return grant.upload
          ? upload(driver, scope, grant, grant.upload, request)
          : download(driver, scope, grant, request);
      },
    },
  ];
}

async function download(
  driver: ObjectDriver,
  scope: ObjectScope,
  { key }: SignedGrant,
  request: Request,
): Promise<Response> {
  const opened = await driver.open(scope, key);
  if (!opened) throw notFound('object', key);
  try {
    const { info } = opened;
    const etag = info.checksum === null ? null : `"${info.checksum}"`;
    const headers = new Headers({
      ...SAFE_HEADERS,
      'Accept-Ranges': 'bytes',
      'Content-Disposition': attachment(key),
      'Content-Type': info.contentType,
      'Last-Modified': info.updatedAt.toUTCString(),
      ...(etag === null ? {} : { ETag: etag }),
    });
    const version = { etag, updatedAt: info.updatedAt };
    const decision = decide(request.headers, version);
    if (decision !== 'SEND') {
      await opened.close();
      if (decision === 'UNCHANGED') headers.delete('Content-Type');
      return new Response(null, { status: decision === 'UNCHANGED' ? 304 : 412, headers });
    }
    const range = sameVersion(request.headers.get('if-range'), version)
      ? parseRange(request.headers.get('range'), info.sizeBytes)
      : ({ kind: 'whole' } as const);
    if (range.kind === 'unsatisfiable') {
      await opened.close();
      headers.set('Content-Range', `bytes */${info.sizeBytes}`);
      headers.set('Content-Length', '0');
      return new Response(null, { status: 416, headers });
    }
    const { start, end } = range.kind === 'part' ? range : { start: 0, end: info.sizeBytes - 1 };
    if (range.kind === 'part') headers.set('Content-Range', `bytes ${start}-${end}/${info.sizeBytes}`);
    headers.set('Content-Length', String(end - start + 1));
    const status = range.kind === 'part' ? 206 : 200;
    if (request.method === 'HEAD' || end < start) {
      await opened.close();
      return new Response(null, { status, headers });
    }
    return new Response(Readable.toWeb(opened.stream({ start, end })) as ReadableStream<Uint8Array>, {
      status,
      headers,
    });
  } catch (error) {
    await opened.close().catch(() => undefined); // The first error is the one that matters.
    throw error;
  }
}

async function upload(
  driver: ObjectDriver,
  scope: ObjectScope,
  { key, expires }: SignedGrant,
  promised: NonNullable<SignedGrant['upload']>,
  request: Request,
): Promise<Response> {
  const { contentType, sizeBytes } = promised;
  if (request.headers.get('content-type') !== contentType) {
    throw badUserInput(`This upload was announced with \`Content-Type: ${contentType}\`; send exactly that.`);
  }
  if (request.headers.get('content-encoding'))
    throw badUserInput('Send the bytes as they are, without `Content-Encoding`.');
  const announced = request.headers.get('content-length');
  if (announced !== null && Number(announced) > sizeBytes) {
    throw new CodedError(
      'PAYLOAD_TOO_LARGE',
      `This upload was announced with ${sizeBytes} bytes; ${announced} are coming.`,
    );
  }
  const link = { id: promised.once, expires };
  if (!(await driver.spend(scope, link)))
    throw forbidden('This URL has been used; it works once.', { hint: 'Ask the API for a new one.' });
  const body = (request.body ?? emptyBody()) as AsyncIterable<Uint8Array>;
  let info: ObjectInfo;
  try {
    info = await driver.put(scope, key, body, promised);
  } catch (error) {
    // Nothing was stored. Where it cannot be given back either, a new link is needed.
    await driver.restore(scope, link).catch(() => undefined);
    throw error;
  }
  const { sizeBytes: size, contentType: mediaType, checksum } = info;
  // `sizeBytes` and `contentType` are what `size` and `mediaType` were called before.
  return Response.json(
    { key: info.key, size, mediaType, checksum, sizeBytes: size, contentType: mediaType },
    { status: 201, headers: { ...SAFE_HEADERS, ...(checksum === null ? {} : { ETag: `"${checksum}"` }) } },
  );
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
