/**
 * Requests with files (GraphQL multipart request specification:
 * https://github.com/jaydenseric/graphql-multipart-request-spec). The operation begins as soon as its text and the map have
 * come; files are read while it runs, by whom they are for and no faster.
 */
import type { IncomingMessage } from 'node:http';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { Upload } from '#subgraphs/shared/upload.ts';
import { HTTP } from '#gateway/bounds/http.ts';
import { parseJson, type BodyLimits } from './body.ts';

export interface UploadLimits {
  /** Most files of one request; 0 where none are taken. */
  readonly files: number;
  /** Longest file. */
  readonly bytes: number;
}

/** A request that has files to come. */
export interface RequestWithFiles {
  /** As if they had come as JSON, with {@link Upload}s in the places of files. */
  readonly parameters: unknown;
  /** Nobody reads any more: what is left of the request is thrown away. */
  end(): void;
}

/**
 * Headers that no page of another origin sends without having asked (a form, which is multipart too, sends none of them);
 * the names that servers and clients of GraphQL have agreed on.
 */
const PREFLIGHT_HEADERS = ['apollo-require-preflight', 'graphql-require-preflight', 'x-apollo-operation-name'];

/** What a request has besides files. */
const FIELDS = ['operations', 'map'];

export const isMultipart = ({ headers, method }: Pick<IncomingMessage, 'headers' | 'method'>): boolean =>
  method === 'POST' && /^\s*multipart\/form-data\s*(;|$)/i.test(headers['content-type'] ?? '');

/**
 * Reads up to the map.
 * @throws CodedError `BAD_USER_INPUT`, `FORBIDDEN` (no header that asks first), `PAYLOAD_TOO_LARGE` or `REQUEST_TIMEOUT`
 */
export async function readWithFiles(
  request: IncomingMessage,
  limits: UploadLimits,
  body: BodyLimits,
): Promise<RequestWithFiles> {
  let parser: BusboyInstance;
  try {
    check(request, limits);
    parser = parserOf(request, limits, body);
  } catch (error) {
    request.resume();
    throw error;
  }
  const reading = new Reading(request, parser, limits, body);
  try {
    return { parameters: await reading.parameters, end: () => reading.end() };
  } catch (error) {
    reading.end();
    throw error;
  }
}

function check({ headers }: IncomingMessage, { files }: UploadLimits): void {
  if (files === 0)
    throw badUserInput('Files are not accepted.', {
      hint: 'Send `content-type: application/json`. MAX_UPLOAD_FILES allows files.',
      extensions: { http: { status: 415 } },
    });
  if (headers['content-encoding'] !== undefined)
    throw badUserInput('A request with files is not taken compressed.', { extensions: { http: { status: 415 } } });
  if (!PREFLIGHT_HEADERS.some((name) => Boolean(headers[name])))
    throw new CodedError('FORBIDDEN', 'A request with files needs a header that pages of other origins cannot send.', {
      hint: 'Send `apollo-require-preflight: true`.',
    });
}

function parserOf({ headers }: IncomingMessage, { files, bytes }: UploadLimits, body: BodyLimits): BusboyInstance {
  try {
    return new Busboy({
      headers: { ...headers, 'content-type': headers['content-type']! },
      limits: {
        fieldNameSize: HTTP.partNameBytes,
        fieldSize: body.bytes,
        fields: FIELDS.length,
        files,
        fileSize: bytes,
        headerPairs: HTTP.partHeaders,
      },
    });
  } catch (cause) {
    throw badUserInput(`The multipart body cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

class Reading {
  readonly parameters: Promise<unknown>;
  readonly #request: IncomingMessage;
  readonly #parser: BusboyInstance;
  readonly #limits: UploadLimits;
  readonly #body: BodyLimits;
  readonly #open = new Set<BusboyFileStream>();
  readonly #slow: NodeJS.Timeout;
  #resolve!: (parameters: unknown) => void;
  #reject!: (error: unknown) => void;
  #operations: { readonly parameters: unknown } | undefined;
  /** By their names in the request; undefined before the map. */
  #uploads: Map<string, Upload> | undefined;
  #ended = false;

  constructor(request: IncomingMessage, parser: BusboyInstance, limits: UploadLimits, body: BodyLimits) {
    this.#request = request;
    this.#parser = parser;
    this.#limits = limits;
    this.#body = body;
    this.parameters = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#slow = setTimeout(
      () =>
        this.#fail(
          new CodedError('REQUEST_TIMEOUT', `\`operations\` and \`map\` were not there after ${body.timeoutMs} ms.`),
        ),
      body.timeoutMs,
    );
    parser.on('field', (name, value, _, isCut) => this.#guard(() => this.#field(name, value, isCut)));
    parser.on('file', (name, stream, filename, _, mimetype) => this.#file(name, stream, filename, mimetype));
    parser.on('filesLimit', () =>
      this.#fail(new CodedError('PAYLOAD_TOO_LARGE', `A request may have at most ${limits.files} files.`)),
    );
    parser.on('fieldsLimit', () =>
      this.#fail(badUserInput('A request with files has two fields: `operations` and `map`.')),
    );
    parser.on('error', (cause: unknown) =>
      this.#fail(
        badUserInput(`The multipart body cannot be read: ${(cause as Error).message}.`, { cause: cause as Error }),
      ),
    );
    parser.on('finish', () => this.#fail(badUserInput('A file of the map was not sent, or not all of it.')));
    request.once('close', () => {
      if (!request.readableEnded) this.#fail(badUserInput('The body broke off.'));
    });
    request.once('error', (cause) => this.#fail(badUserInput('The body broke off.', { cause })));
    request.pipe(parser);
  }

  end(): void {
    if (this.#ended) return;
    this.#fail(badUserInput('The operation has ended.'));
    this.#ended = true;
    const request = this.#request;
    request.unpipe(this.#parser);
    if (request.readableEnded || request.destroyed) return;
    // So that the sender sees the answer, and not a broken connection.
    request.resume();
    const cut = setTimeout(() => request.destroy(), HTTP.discardMs).unref();
    request.once('close', () => clearTimeout(cut));
    request.once('end', () => clearTimeout(cut));
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whatever is waited for does not come. */
  #fail(error: unknown): void {
    if (this.#ended) return;
    clearTimeout(this.#slow);
    this.#reject(error);
    const coded = error instanceof CodedError ? error : badUserInput('The body broke off.', { cause: error as Error });
    for (const upload of this.#uploads?.values() ?? []) if (!upload.settled) upload.lost(coded);
    for (const stream of this.#open) stream.destroy(coded);
  }

  #field(name: string, value: string, isCut: boolean): void {
    if (isCut)
      throw new CodedError('PAYLOAD_TOO_LARGE', `\`${name}\` is longer than ${this.#body.bytes} bytes.`, {
        hint: 'Send less; whoever runs the server may raise BODY_LIMIT_BYTES.',
      });
    if (name === 'operations' && this.#operations === undefined) {
      const parameters = parseJson(value, this.#body, '`operations`');
      if (Array.isArray(parameters)) throw badUserInput('Files cannot be sent with a batch of operations.');
      this.#operations = { parameters };
    } else if (name === 'map' && this.#operations !== undefined && this.#uploads === undefined) {
      const { parameters } = this.#operations;
      this.#uploads = placeUploads(parseJson(value, this.#body, '`map`'), parameters, this.#limits.files);
      clearTimeout(this.#slow);
      this.#resolve(parameters);
    } else throw badUserInput('A request with files has `operations` first, then `map`, then the files.');
  }

  #file(name: string, stream: BusboyFileStream, filename: string, mimetype: string): void {
    // It is told to whoever reads it; without anybody it must not end the process.
    stream.on('error', () => undefined);
    const upload = this.#uploads?.get(name);
    if (this.#uploads === undefined)
      this.#fail(badUserInput('A request with files has `operations` first, then `map`, then the files.'));
    if (upload === undefined || upload.settled || this.#ended) {
      stream.resume(); // Nobody asked for it.
      return;
    }
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    upload.arrived(filename ?? '', mimetype, () => this.#bytes(stream));
  }

  async *#bytes(stream: BusboyFileStream): AsyncGenerator<Uint8Array> {
    try {
      // One that is destroyed would stop all that comes behind it.
      for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
      if (stream.truncated)
        throw new CodedError('PAYLOAD_TOO_LARGE', `A file is longer than ${this.#limits.bytes} bytes.`, {
          hint: 'Send a smaller one; whoever runs the server may raise UPLOAD_LIMIT_BYTES.',
        });
    } finally {
      stream.resume();
    }
  }
}

/**
 * Puts an upload into each place of the map, which must be a variable's null.
 * @throws CodedError `BAD_USER_INPUT`, or `PAYLOAD_TOO_LARGE` for more files than are taken
 */
function placeUploads(map: unknown, parameters: unknown, most: number): Map<string, Upload> {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw badUserInput('`map` must be an object.');
  const entries = Object.entries(map);
  if (entries.length > most)
    throw new CodedError('PAYLOAD_TOO_LARGE', `A request may have at most ${most} files.`, {
      hint: 'Send fewer; whoever runs the server may raise MAX_UPLOAD_FILES.',
    });
  return new Map(
    entries.map(([name, paths]) => {
      if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string'))
        throw badUserInput('`map` must name a list of places for each file.');
      const upload = new Upload();
      for (const path of paths) place(upload, path, parameters);
      return [name, upload] as const;
    }),
  );
}

function place(upload: Upload, path: string, parameters: unknown): void {
  const [first, ...rest] = path.split('.');
  const last = rest.pop();
  let target: unknown = parameters;
  for (const key of [first!, ...rest]) target = ownValue(target, key);
  if (first !== 'variables' || last === undefined || ownValue(target, last) !== null)
    throw badUserInput(`The place ${JSON.stringify(path.slice(0, 100))} of \`map\` is not a null of a variable.`, {
      hint: 'Send null in `operations` wherever a file belongs, and name it as `variables.file` or `variables.files.0`.',
    });
  (target as Record<string, unknown>)[last] = upload;
}

/** What an object or list has itself: `__proto__` and `length` are nothing that JSON could have sent. */
function ownValue(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Upload) return undefined;
  if (Array.isArray(value) && !/^\d{1,9}$/.test(key)) return undefined;
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}
