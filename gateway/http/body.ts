/** Request bodies: read up to limits of length and time, decoded strictly. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { parseExactJson } from '#subgraphs/shared/exact-number.ts';
import { decoded, decoderOf } from './content-encoding.ts';
import { excessOf, type JsonLimits } from './json-bounds.ts';

export interface BodyLimits extends JsonLimits {
  /** Longest body. */
  readonly bytes: number;
  /** Longest time from a request's headers to the end of its body, in milliseconds. */
  readonly timeoutMs: number;
}

/** Those of the configuration. */
export const bodyLimits = (bounds: BoundValues<typeof HTTP>): BodyLimits => ({
  bytes: bounds.bodyBytes,
  timeoutMs: bounds.bodyTimeoutMs,
  depth: bounds.jsonDepth,
  values: bounds.jsonValues,
});

/**
 * The body, whole and unpacked.
 * @throws CodedError `PAYLOAD_TOO_LARGE` over `bytes`, as it came or unpacked; `REQUEST_TIMEOUT` when it is not there in
 *   time; `BAD_USER_INPUT` when the client broke off, or packed it in a way that is not known
 */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const { 'content-encoding': encoding } = request.headers;
  if (encoding === undefined) return bytesOf(request, limits);
  return unpackedBody(request, limits, encoding);
}

async function unpackedBody(request: IncomingMessage, limits: BodyLimits, encoding: string): Promise<Buffer> {
  let decode: ReturnType<typeof decoderOf>;
  try {
    decode = decoderOf(encoding);
  } catch (error) {
    request.resume();
    throw error;
  }
  const bytes = await bytesOf(request, limits);
  return decode === undefined ? bytes : await decoded(bytes, decode, limits.bytes);
}

function bytesOf(request: IncomingMessage, { bytes: limit, timeoutMs }: BodyLimits): Promise<Buffer> {
  const began = performance.now();
  const chunks: Buffer[] = [];
  let length = 0;
  let over = Number(request.headers['content-length'] ?? 0) > limit;
  // By events: an iterator over a request costs more than all else that is done with a small one.
  return new Promise((resolve, reject) => {
    const slow = setTimeout(() => {
      reject(tooSlow(timeoutMs));
      // The rest is not waited for, but the sender may see why.
      request.pause();
      setTimeout(() => request.destroy(), HTTP.lastWordMs).unref();
    }, timeoutMs);
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      over ||= length > limit;
      if (!over) chunks.push(chunk);
      else if (length <= limit * HTTP.discardFactor && performance.now() - began <= HTTP.discardMs) chunks.length = 0;
      else {
        clearTimeout(slow);
        reject(tooLarge(limit));
        request.destroy();
      }
    });
    request.on('end', () => {
      clearTimeout(slow);
      if (over) reject(tooLarge(limit));
      else resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    });
    request.on('error', (cause) => {
      clearTimeout(slow);
      reject(brokeOff(cause));
    });
    request.on('close', () => {
      clearTimeout(slow);
      if (!request.readableEnded) reject(brokeOff());
    });
    if (request.destroyed) {
      clearTimeout(slow);
      reject(brokeOff());
    }
  });
}

/**
 * The body of an upload as it comes, of any length.
 * @throws CodedError `REQUEST_TIMEOUT` when nothing came for `stallMs`, `BAD_USER_INPUT` when the client broke off
 */
export async function* arriving(request: IncomingMessage, stallMs: number): AsyncGenerator<Buffer, undefined> {
  const chunks = (request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>)[
    Symbol.asyncIterator
  ]();
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(stalledFor(stallMs)), stallMs);
    });
    try {
      const { value, done } = await Promise.race([chunks.next(), stalled]);
      if (done === true) return;
      yield value;
    } finally {
      clearTimeout(timer);
    }
  }
}

const stalledFor = (stallMs: number): CodedError =>
  new CodedError('REQUEST_TIMEOUT', `Nothing more of the body came for ${stallMs} ms.`, {
    hint: 'Send it again, without a pause; whoever runs the server may raise SENDER_STALL_MS.',
    // What may still come belongs to this request, and is not waited for.
    extensions: { http: { status: 408, headers: { connection: 'close' } } },
  });

const tooLarge = (limit: number): CodedError =>
  new CodedError('PAYLOAD_TOO_LARGE', `The body is longer than ${limit} bytes.`, {
    hint: 'Send less, upload bytes with `requestUpload`; whoever runs the server may raise BODY_LIMIT_BYTES.',
  });

const brokeOff = (cause?: Error): CodedError => badUserInput('The body broke off.', { cause });

const tooSlow = (timeoutMs: number): CodedError =>
  new CodedError('REQUEST_TIMEOUT', `The body was not there after ${timeoutMs} ms.`, {
    hint: 'Send it faster; whoever runs the server may raise BODY_TIMEOUT_MS.',
    extensions: { http: { status: 408 } },
  });

/** @throws CodedError `BAD_USER_INPUT` when the bytes are not UTF-8 */
export function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw badUserInput('The body is not valid UTF-8.');
  // A byte order mark is no part of the text.
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
    ? bytes.toString('utf8', 3)
    : bytes.toString('utf8');
}

/**
 * JSON, with numbers as they were written.
 * @throws CodedError `BAD_USER_INPUT` when the text is not JSON (says where), or over the limits
 */
export function parseJson(text: string, limits: JsonLimits, what = 'The body'): unknown {
  const excess = excessOf(text, limits);
  if (excess !== undefined)
    throw badUserInput(
      excess === 'depth'
        ? `${what} is nested more than ${limits.depth} levels deep.`
        : `${what} has more than ${limits.values} values.`,
    );
  try {
    return parseExactJson(text);
  } catch (cause) {
    // The engine's message quotes the text around the fault, which may be long or a secret; the position says enough.
    const position = /position (\d+)/.exec((cause as Error).message)?.[1];
    const reason =
      text === ''
        ? 'it is empty'
        : position === undefined
          ? 'it ends too early or has a stray character'
          : /[\r\n]/.test(text.charAt(Number(position)))
            ? `a line break inside a string at character ${position}; JSON writes it as \\n`
            : `at character ${position}`;
    throw badUserInput(`${what} is not valid JSON: ${reason}.`, { cause });
  }
}
