/**
 * A file of a request (GraphQL multipart request specification: https://github.com/jaydenseric/graphql-multipart-request-spec),
 * as a value of the scalar `Upload`. It is read as it comes, once, and never held as a whole.
 */
import { Readable } from 'node:stream';
import { CodedError } from './errors.ts';

/** A file whose part of the request has begun. */
export interface UploadedFile {
  /** As the client calls it: not to be trusted as a path. */
  readonly filename: string;
  /** As the client says, such as `image/png`. */
  readonly mimetype: string;
  /** The bytes. @throws CodedError when they were asked for before */
  readonly createReadStream: () => Readable;
}

export class Upload {
  readonly #file: Promise<UploadedFile>;
  #resolve!: (file: UploadedFile) => void;
  #reject!: (error: CodedError) => void;
  #settled = false;

  constructor() {
    this.#file = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#file.catch(() => undefined); // Nobody may want it.
  }

  /**
   * Resolves when the file's part begins, which may be only when those before it have been read.
   * @throws CodedError `BAD_USER_INPUT` when it does not come
   */
  get promise(): Promise<UploadedFile> {
    return this.#file;
  }

  /** Whether its part has begun, or will not come. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Its place in JSON, as the specification has it. */
  toJSON(): null {
    return null;
  }

  /** @param bytes of the file; whoever ends the iteration early has the rest thrown away */
  arrived(filename: string, mimetype: string, bytes: () => AsyncIterable<Uint8Array>): void {
    let isRead = false;
    this.#settled = true;
    this.#resolve({
      filename,
      mimetype,
      createReadStream: () => {
        if (isRead)
          throw new CodedError('BAD_USER_INPUT', 'A file of a request can be read once.', {
            hint: 'Send it twice, or to one field only.',
          });
        isRead = true;
        const stream = Readable.from(bytes(), { objectMode: false });
        // Whoever reads it is told; of one that nobody listens to, an error must not end the process.
        stream.on('error', () => undefined);
        return stream;
      },
    });
  }

  /** It will not come. */
  lost(error: CodedError): void {
    this.#settled = true;
    this.#reject(error);
  }
}

/** The files in a value, with the places where they are, written as the specification's map does. */
export function uploadsIn(value: unknown, path: string): Map<Upload, string[]> {
  const found = new Map<Upload, string[]>();
  const walk = (part: unknown, at: string): void => {
    if (typeof part !== 'object' || part === null) return;
    if (part instanceof Upload) {
      found.set(part, [...(found.get(part) ?? []), at]);
      return;
    }
    for (const [key, below] of Object.entries(part)) walk(below, `${at}.${key}`);
  };
  walk(value, path);
  return found;
}
