/** A server over two small subgraphs whose every move a test decides. */
import { createHash } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { loadConfig } from '#gateway/config/config.ts';
import type { MountedSubgraph, OtherSubgraphs } from '#gateway/mount/mount-in-order.ts';
import { startServer, type RunningServer, type ServerOptions } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Upload } from '#subgraphs/shared/upload.ts';

export const LIBRARY_SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query {
    book(id: ID!): Book
    books(first: Int): [Book!]
    "Book after book, as many as the test lets come."
    comingBooks: [Book!]
    whoAmI: Who
    "Answers only when the request is given up."
    never: String
    fail: String
    "Holds up the whole process."
    stall(ms: Int!): Int
    refuse: String
    echo(text: String, any: [In!]): String
  }
  input In { text: String, in: In, list: [In!] }
  type Who { tenantId: String! subject: String! roles: [String!]! scopes: [String!]! system: Boolean! }
  type Mutation { addBook(title: String!): Book store(file: Upload, files: [Upload!], label: String): [Stored!] }
  scalar Upload
  type Stored { filename: String! mimetype: String! bytes: Int! sha256: String! label: String }
  type Subscription { bookAdded: Book }
  type Book @key(fields: "id") { id: ID! title: String }
`;

export const REVIEWS_SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { reviewCount: Int }
  type Book @key(fields: "id") { id: ID! stars: Int similar(first: Int): [Book!] }
`;

/** What the library holds and who listens; shared by the subgraph and its test. */
export class Library {
  readonly books: { id: string; title: string }[] = [{ id: '1', title: 'The Left Hand of Darkness' }];
  /** Contexts of requests that wait in `never`. */
  readonly waiting: RequestContext[] = [];
  listeners = new Set<(book: { id: string; title: string }) => void>();
  /** Bytes of files so far. */
  received = 0;
  /** Files that are being read. */
  reading = 0;
  #changed: (() => void)[] = [];
  readonly #ends = new Set<() => unknown>();
  /** How many books may come, of those who read them one by one. */
  coming = 0;
  /** How many have been asked for, and how many readers there are. */
  readonly asked = { books: 0, readers: 0 };
  /** Called when `stall` is over. */
  stalled: () => void = () => undefined;

  add(title: string): { id: string; title: string } {
    const book = { id: String(this.books.length + 1), title };
    this.books.push(book);
    for (const listener of this.listeners) listener(book);
    return book;
  }

  /** Ends the subscriptions that are open, as a stream that has no more events. */
  end(): void {
    for (const end of this.#ends) end();
  }

  /** Resolves once `condition` holds; it is looked at when somebody comes or goes. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  /** Reads a file to its end. */
  async read(upload: Upload): Promise<{ filename: string; mimetype: string; bytes: number; sha256: string }> {
    const { filename, mimetype, createReadStream } = await upload.promise;
    const hash = createHash('sha256');
    let bytes = 0;
    this.reading += 1;
    try {
      for await (const chunk of createReadStream() as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        hash.update(chunk);
        this.received += chunk.length;
        this.changed();
      }
    } finally {
      this.reading -= 1;
      this.changed();
    }
    return { filename, mimetype, bytes, sha256: hash.digest('hex') };
  }

  /** The first book again and again; waits where the next may not come yet. Its `return()` does not wait. */
  come(): AsyncIterableIterator<{ id: string; title: string }> {
    let count = 0;
    let open = true;
    this.asked.readers += 1;
    const end = (): IteratorReturnResult<undefined> => {
      if (open) this.asked.readers -= 1;
      open = false;
      this.changed();
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        count += 1;
        this.asked.books += 1;
        this.changed();
        await this.until(() => this.coming >= count || !open);
        return this.coming === Infinity || !open ? end() : { done: false, value: this.books[0]! };
      },
      return: () => Promise.resolve(end()),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Lets so many more come, or ends all that wait. */
  let(count: number): void {
    this.coming += count;
    this.changed();
  }

  changed(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  /** Books as they are added. Its `return()` does not wait for the next one. */
  subscribe(): AsyncIterableIterator<{ bookAdded: { id: string; title: string } }> {
    const queue: { id: string; title: string }[] = [];
    let ended = false;
    let wake = (): void => undefined;
    const listener = (book: { id: string; title: string }): void => (queue.push(book), wake());
    this.listeners.add(listener);
    this.changed();
    const end = (): Promise<{ done: true; value: undefined }> => {
      ended = true;
      this.#ends.delete(end);
      this.listeners.delete(listener);
      this.changed();
      wake();
      return Promise.resolve({ done: true, value: undefined });
    };
    this.#ends.add(end);
    return {
      next: async () => {
        while (queue.length === 0 && !ended) await new Promise<void>((resolve) => (wake = resolve));
        return ended ? { done: true, value: undefined } : { done: false, value: { bookAdded: queue.shift()! } };
      },
      return: end,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

export function librarySubgraph(library: Library): MountedSubgraph {
  const schema = buildSubgraphSchema({
    typeDefs: parse(LIBRARY_SDL),
    resolvers: {
      Query: {
        book: (_: unknown, { id }: { id: string }) => library.books.find((book) => book.id === id) ?? null,
        books: (_: unknown, { first }: { first?: number }) => {
          if (first !== undefined && first < 0) throw badUserInput('`first` must not be negative.');
          return library.books.slice(0, first ?? 20);
        },
        comingBooks: () => library.come(),
        whoAmI: (_: unknown, __: unknown, { principal }: RequestContext) => ({
          ...principal,
          system: principal.system === true,
        }),
        never: (_: unknown, __: unknown, context: RequestContext) =>
          new Promise((_resolve, reject) => {
            context.signal?.addEventListener('abort', () => {
              library.waiting.splice(library.waiting.indexOf(context), 1);
              library.changed();
              reject(context.signal!.reason as Error);
            });
            library.waiting.push(context);
            library.changed();
          }),
        stall: (_: unknown, { ms }: { ms: number }) => {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
          library.stalled();
          return ms;
        },
        fail: () => {
          throw new Error('connect to postgres://admin:hunter2@db:5432/x failed');
        },
        refuse: () => {
          throw badUserInput('No.', { hint: 'Ask otherwise.' });
        },
        echo: (_: unknown, { text }: { text?: string }) => text ?? null,
      },
      Mutation: {
        addBook: (_: unknown, { title }: { title: string }) => library.add(title),
        store: async (_: unknown, { file, files, label }: { file?: Upload; files?: Upload[]; label?: string }) => {
          const stored = [];
          for (const upload of [...(file === undefined || file === null ? [] : [file]), ...(files ?? [])])
            stored.push({ ...(await library.read(upload)), label });
          return stored;
        },
      },
      Subscription: { bookAdded: { subscribe: () => library.subscribe() } },
      Book: { __resolveReference: ({ id }: { id: string }) => library.books.find((book) => book.id === id) ?? null },
    } as never,
  });
  return {
    name: 'library',
    schema,
    routes: [],
    provides: {},
    health: async () => [{ store: 'memory', state: 'ok', latencyMs: 0 }],
    close: async () => undefined,
  };
}

function reviewsSubgraph(library: Library): MountedSubgraph {
  const schema = buildSubgraphSchema({
    typeDefs: parse(REVIEWS_SDL),
    resolvers: {
      Query: { reviewCount: () => 3 },
      Book: {
        __resolveReference: ({ id }: { id: string }) => ({ id, stars: 5 }),
        similar: (_: unknown, { first }: { first?: number }) =>
          library.books.slice(0, first ?? 10).map(({ id }) => ({ id, stars: 5 })),
      },
    } as never,
  });
  return {
    name: 'reviews',
    schema,
    routes: [],
    provides: {},
    health: async () => [{ store: 'memory', state: 'ok', latencyMs: 0 }],
    close: async () => undefined,
  };
}

export interface TestServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly url: string;
  readonly library: Library;
  /** Holds supergraph.yaml and the schemas; the server watches it. */
  readonly folder: string;
  /** What was logged, one line each. */
  readonly log: string[];
  post(
    body: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Headers; json: GraphqlAnswer }>;
}

/* eslint-disable @typescript-eslint/no-explicit-any -- answers of a server under test are whatever it sends */
export type GraphqlAnswer = {
  data?: any;
  errors?: { message: string; path?: (string | number)[]; extensions: Record<string, any> }[];
  [key: string]: any;
};
/* eslint-enable @typescript-eslint/no-explicit-any */

export async function startTestServer(
  env: Record<string, string> = {},
  options: Partial<ServerOptions> = {},
  /** What knows API keys: mounted beside the two, and in no supergraph. */
  relational?: OtherSubgraphs[string],
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-gateway-'));
  await writeFile(join(folder, 'library.graphql'), LIBRARY_SDL);
  await writeFile(join(folder, 'reviews.graphql'), REVIEWS_SDL);
  await writeFile(join(folder, 'supergraph.yaml'), supergraphYaml());
  const library = new Library();
  const log: string[] = [];
  const config = loadConfig({
    PORT: '0',
    DATABASE_URL: 'off',
    DATA_DIR: join(folder, 'data'),
    SUPERGRAPH: join(folder, 'supergraph.yaml'),
    SHUTDOWN_TIMEOUT_MS: '2000',
    ...env,
  });
  const server = await startServer(config, {
    log: createLogger({ level: 'info', destination: { write: (line) => void log.push(line) } }),
    subgraphs: {
      library: async () => librarySubgraph(library),
      reviews: async () => reviewsSubgraph(library),
      ...(relational === undefined ? {} : { relational }),
    },
    ...options,
  });
  await server.ready;
  return {
    server,
    url: server.url,
    library,
    folder,
    log,
    async post(body, headers = {}) {
      const response = await fetch(`${server.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? (body as never) : JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, json: (await response.json()) as GraphqlAnswer };
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const supergraphYaml = (more = ''): string => `federation_version: =2.9.0
subgraphs:
  library:
    routing_url: local://library
    schema: { file: library.graphql }
  reviews:
    routing_url: local://reviews
    schema: { file: reviews.graphql }
${more}`;

/** Replaces a file as editors do: another is written and takes its name. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await cp(`${path}.new`, path);
  await rm(`${path}.new`);
}
