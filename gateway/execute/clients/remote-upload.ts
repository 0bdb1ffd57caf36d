/** A request with files to a subgraph elsewhere, as the client's was: each file is passed on as it comes. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Upload } from '#subgraphs/shared/upload.ts';

/** What to send, and with which headers. */
export interface UploadBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
  /** Why a file could not be passed on; undefined while all could. */
  readonly failure: () => unknown;
}

/**
 * @param operations the request as JSON, with null in the places of files
 * @param files with their places, in the order in which the client sends them
 */
export function uploadBody(operations: string, files: ReadonlyMap<Upload, readonly string[]>): UploadBody {
  const boundary = `tributary-${randomBytes(16).toString('hex')}`;
  const uploads = [...files.keys()];
  const map = JSON.stringify(Object.fromEntries([...files.values()].map((places, index) => [index, places])));
  let failure: unknown;
  const field = (name: string, value: string): string =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  async function* parts(): AsyncGenerator<string | Uint8Array> {
    yield field('operations', operations) + field('map', map);
    try {
      for (const [index, upload] of uploads.entries()) {
        const { filename, mimetype, createReadStream } = await upload.promise;
        const name = filename.replace(/["\r\n]/g, encodeURIComponent);
        const type = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/.test(mimetype) ? mimetype : 'application/octet-stream';
        yield `--${boundary}\r\ncontent-disposition: form-data; name="${index}"; filename="${name}"\r\ncontent-type: ${type}\r\n\r\n`;
        yield* createReadStream() as AsyncIterable<Uint8Array>;
        yield '\r\n';
      }
    } catch (error) {
      failure = error;
      throw error;
    }
    yield `--${boundary}--\r\n`;
  }
  return {
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      // Servers that take files ask for one that forms cannot send.
      'apollo-require-preflight': 'true',
    },
    body: Readable.from(parts(), { objectMode: false }),
    failure: () => failure,
  };
}
