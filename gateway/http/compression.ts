/**
 * Answers in the encoding that a client takes (RFC 9110, section 12.5.3): long ones, and those in parts that end. Streams
 * of events stay as they are: an event that many are sent is encoded once, and a compressor for each client would hold
 * memory as long as it listens.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import * as zlib from 'node:zlib';
import { promisify } from 'node:util';
import { HTTP } from '#gateway/bounds/http.ts';
import type { StreamEncoder } from '#gateway/subscribe/stream-body.ts';
import { preferencesOf } from './quality.ts';

export type Encoding = 'zstd' | 'br' | 'gzip';

export interface CompressionOptions {
  /** What clients may be sent, what is preferred first; those that this Node does not know are passed over. */
  readonly encodings: readonly Encoding[];
  /** Answers up to this length stay as they are, in bytes. Default: `HTTP.compressAboveBytes`. */
  readonly compressAboveBytes?: number;
  /** Effort, from 1 to 9. Default: `HTTP.compressionLevel`. */
  readonly compressionLevel?: number;
}

interface Encoder {
  sync(bytes: Buffer): Buffer;
  async(bytes: Buffer): Promise<Buffer>;
  stream(): StreamEncoder['transform'];
}

export class Compression {
  readonly #encoders: ReadonlyMap<Encoding, Encoder>;
  readonly #above: number;
  readonly #chosen = new Map<string, Encoding | undefined>();
  #underWay = 0;

  constructor({ encodings, compressAboveBytes, compressionLevel }: CompressionOptions) {
    const level = compressionLevel ?? HTTP.compressionLevel;
    this.#above = compressAboveBytes ?? HTTP.compressAboveBytes;
    this.#encoders = new Map(
      encodings.flatMap((name): [Encoding, Encoder][] => {
        const encoder = encoderOf(name, level);
        return encoder === undefined ? [] : [[name, encoder]];
      }),
    );
  }

  /** Whether a body of so many bytes would be encoded for those who take it. */
  concerns(length: number): boolean {
    return length > this.#above && this.#encoders.size > 0;
  }

  /** The encoding for a client, by its `Accept-Encoding`; undefined where none is wanted. */
  choose(acceptEncoding: string | undefined): Encoding | undefined {
    if (acceptEncoding === undefined) return undefined;
    if (this.#chosen.has(acceptEncoding)) return this.#chosen.get(acceptEncoding);
    const chosen = this.#bestOf(acceptEncoding);
    if (this.#chosen.size < HTTP.acceptsKept) this.#chosen.set(acceptEncoding, chosen);
    return chosen;
  }

  #bestOf(acceptEncoding: string): Encoding | undefined {
    const weights = new Map(
      preferencesOf(acceptEncoding).map(({ value, weight }) => [value === 'x-gzip' ? 'gzip' : value, weight]),
    );
    const any = weights.get('*') ?? 0;
    // Not to be encoded is always acceptable, and preferred only where a client says so.
    let best: Encoding | undefined;
    let weight = weights.get('identity') ?? 0;
    for (const name of this.#encoders.keys()) {
      const own = weights.get(name) ?? any;
      if (own > weight || (own === weight && own > 0 && best === undefined)) {
        best = name;
        weight = own;
      }
    }
    return best;
  }

  /**
   * The body in that encoding: at once where it is short, else by another thread; undefined when too many are being
   * encoded already.
   */
  encode(bytes: Buffer, encoding: Encoding): Buffer | Promise<Buffer> | undefined {
    const encoder = this.#encoders.get(encoding)!;
    if (bytes.length <= HTTP.compressedAtOnceBytes) return encoder.sync(bytes);
    if (this.#underWay >= HTTP.compressionsUnderWay) return undefined;
    this.#underWay += 1;
    return encoder.async(bytes).finally(() => (this.#underWay -= 1));
  }

  /** For the body of a stream that ends by itself, and soon. */
  streamEncoder(response: ServerResponse, encoding: Encoding): StreamEncoder {
    return { headers: encodedHeaders(response, encoding), transform: this.#encoders.get(encoding)!.stream() };
  }
}

/** Headers of a body that some are sent encoded, in this encoding or as it is. */
export function encodedHeaders(response: ServerResponse, encoding: Encoding | undefined): OutgoingHttpHeaders {
  const vary = response.getHeader('vary');
  return {
    vary: vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`,
    ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
  };
}

/** Each write comes out at once. */
const STREAM: zlib.ZlibOptions = {
  windowBits: HTTP.compressionWindowBits,
  memLevel: HTTP.compressionMemoryLevel,
  flush: zlib.constants.Z_SYNC_FLUSH,
};

function encoderOf(name: Encoding, level: number): Encoder | undefined {
  if (name === 'gzip') {
    return {
      sync: (bytes) => zlib.gzipSync(bytes, { level }),
      async: (bytes) => promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip)(bytes, { level }),
      stream: () => zlib.createGzip({ level, ...STREAM }),
    };
  }
  if (name === 'br') {
    const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_PARAM_LGWIN, BROTLI_OPERATION_FLUSH } = zlib.constants;
    const options = ({ length }: Buffer): zlib.BrotliOptions => ({
      params: { [BROTLI_PARAM_QUALITY]: level, [BROTLI_PARAM_SIZE_HINT]: length },
    });
    return {
      sync: (bytes) => zlib.brotliCompressSync(bytes, options(bytes)),
      async: (bytes) => promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliCompress)(bytes, options(bytes)),
      stream: () =>
        zlib.createBrotliCompress({
          params: { [BROTLI_PARAM_QUALITY]: level, [BROTLI_PARAM_LGWIN]: HTTP.compressionWindowBits },
          flush: BROTLI_OPERATION_FLUSH,
        }),
    };
  }
  return zstdEncoder(level);
}

/** What Node has since 22.15; its types here are those of Node 20. */
interface Zstd {
  zstdCompressSync(bytes: Buffer, options: object): Buffer;
  zstdCompress(bytes: Buffer, options: object, done: (error: Error | null, result: Buffer) => void): void;
  createZstdCompress(options: object): StreamEncoder['transform'];
  constants: { ZSTD_c_compressionLevel: number; ZSTD_e_flush: number };
}

function zstdEncoder(level: number): Encoder | undefined {
  if (!('zstdCompress' in zlib)) return undefined;
  const zstd = zlib as unknown as Zstd;
  const options = { params: { [zstd.constants.ZSTD_c_compressionLevel]: level } };
  return {
    sync: (bytes) => zstd.zstdCompressSync(bytes, options),
    async: (bytes) =>
      new Promise((resolve, reject) =>
        zstd.zstdCompress(bytes, options, (error, result) => (error === null ? resolve(result) : reject(error))),
      ),
    stream: () => zstd.createZstdCompress({ ...options, flush: zstd.constants.ZSTD_e_flush }),
  };
}
