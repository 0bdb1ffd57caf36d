/** Request bodies that were compressed (RFC 9110, section 8.4): bounded as they come, and again as they unfold. */
import * as zlib from 'node:zlib';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';

type Decode = (bytes: Buffer, options: { maxOutputLength: number }, done: zlib.CompressCallback) => void;

/** Some clients send deflate without the header of zlib (RFC 1950), which its name has always asked for. */
const inflateEither: Decode = (bytes, options, done) =>
  ((bytes[0] ?? 0) & 0x0f) === 8 ? zlib.inflate(bytes, options, done) : zlib.inflateRaw(bytes, options, done);

const DECODERS: Readonly<Record<string, Decode>> = {
  gzip: zlib.gunzip,
  'x-gzip': zlib.gunzip,
  deflate: inflateEither,
  br: zlib.brotliDecompress,
  // Node has it since 22.15.
  ...('zstdDecompress' in zlib ? { zstd: (zlib as unknown as { zstdDecompress: Decode }).zstdDecompress } : {}),
};

export const DECODED = Object.keys(DECODERS)
  .filter((name) => name !== 'x-gzip')
  .join(', ');

/**
 * What undoes the encoding of a request's body; undefined where there is none.
 * @param contentEncoding the header
 * @throws CodedError `BAD_USER_INPUT` (415) for one that is not known, or several
 */
export function decoderOf(contentEncoding: string | undefined): Decode | undefined {
  const name = (contentEncoding ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return undefined;
  const decode = Object.hasOwn(DECODERS, name) ? DECODERS[name] : undefined;
  if (decode !== undefined) return decode;
  throw new CodedError(
    'BAD_USER_INPUT',
    `The content encoding ${JSON.stringify(name.slice(0, 100))} is not accepted.`,
    {
      hint: `Send the body as it is, or in one of: ${DECODED}.`,
      extensions: { http: { status: 415, headers: { 'accept-encoding': DECODED } } },
    },
  );
}

/**
 * @param limit most bytes that may come of it
 * @throws CodedError `PAYLOAD_TOO_LARGE` past the limit, `BAD_USER_INPUT` where it cannot be undone
 */
export function decoded(bytes: Buffer, decode: Decode, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    decode(bytes, { maxOutputLength: limit }, (error, result) => {
      if (error === null) resolve(result);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        reject(
          new CodedError('PAYLOAD_TOO_LARGE', `The body is longer than ${limit} bytes when it is unpacked.`, {
            hint: 'Send less; whoever runs the server may raise BODY_LIMIT_BYTES.',
          }),
        );
      else reject(badUserInput('The body is not in the encoding that `content-encoding` names.', { cause: error }));
    });
  });
}
