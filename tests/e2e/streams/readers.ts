/**
 * Readers of run streams, as clients write them: follow, and after any cut go on behind the last event seen, on any
 * gateway.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';

/** What a reader was given, in the order in which it came. Nobody removes duplicates or sorts. */
export interface Seen {
  runId: string;
  sequence: number;
  type: string;
  /** The writer's own number of the event; absent for those that the server adds. */
  mark: number | undefined;
}

export interface Reader {
  readonly way: string;
  readonly runId: string | undefined;
  readonly log: Seen[];
  /** How often it had to begin again behind its cursor. */
  resumes: number;
  /** Why, with how often. */
  readonly reasons: Map<string, number>;
}

export interface ReaderContext {
  /** The gateway to try next. */
  url(): string;
  signal: AbortSignal;
}

interface EventNode {
  sequence: number;
  type: string;
  payload: { value?: unknown };
}

const TERMINAL = ['RUN_FINISHED', 'RUN_ERROR'];
const FOLLOW =
  'subscription Follow($runId: ID!, $after: String) { runEvents(runId: $runId, after: $after) { sequence type payload } }';
const PAGE =
  'query Page($runId: ID!, $after: String) { run(id: $runId) { events(after: $after, first: 200) { edges { node { sequence type payload } } } } }';
const DASHBOARD =
  'subscription Dashboard($after: String) { tenantEvents(after: $after) { cursor event { sequence type payload run { id } } } }';

const seen = (runId: string, { sequence, type, payload }: EventNode): Seen => ({
  runId,
  sequence,
  type,
  mark: typeof payload.value === 'number' ? payload.value : undefined,
});

type Source = (url: string, runId: string, after: number, signal: AbortSignal) => AsyncIterable<EventNode>;

/** Each way gives events behind `after` until the stream ends or is cut; going on is {@link read}'s. */
export const WAYS: Record<string, Source> = {
  'WebSocket (graphql-ws)': (url, runId, after) =>
    overSocket(url, FOLLOW, { runId, after: String(after) }, 'runEvents') as AsyncIterable<EventNode>,
  async *'SSE (graphql-sse)'(url, runId, after) {
    const client = createSseClient({ url: `${url}/graphql`, retryAttempts: 0 });
    try {
      for await (const result of client.iterate({ query: FOLLOW, variables: { runId, after: String(after) } })) {
        yield dataOf(result as Answer)['runEvents'] as EventNode;
      }
    } finally {
      client.dispose();
    }
  },
  async *'SSE (AG-UI)'(url, runId, after, signal) {
    const response = await fetch(`${url}/runs/${runId}/events`, {
      headers: { accept: 'text/event-stream', ...(after > 0 && { 'last-event-id': String(after) }) },
      signal,
    });
    if (response.status === 204) return;
    if (!response.ok) throw new Error(`status ${response.status}`);
    let text = '';
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const frames = (text + part).split('\n\n');
      text = frames.pop()!;
      for (const frame of frames) {
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (data === undefined) continue;
        const event = JSON.parse(data) as { type: string; value?: unknown };
        yield { sequence: Number(/^id: (\d+)$/m.exec(frame)![1]), type: event.type, payload: event };
      }
    }
  },
  async *paging(url, runId, after, signal) {
    for (let position = after; ;) {
      const { run } = (await ask(url, PAGE, { runId, after: String(position) }, signal)) as {
        run: { events: { edges: { node: EventNode }[] } };
      };
      for (const { node } of run.events.edges) {
        yield node;
        position = node.sequence;
        if (TERMINAL.includes(node.type)) return;
      }
      if (run.events.edges.length === 0) await delay(400, undefined, { signal });
    }
  },
};

/** Follows a run to its terminal event, through whatever happens. */
export async function read(reader: Reader & { runId: string }, { url, signal }: ReaderContext): Promise<void> {
  const position = (): number => reader.log.at(-1)?.sequence ?? 0;
  await persistently(reader, signal, async () => {
    for await (const event of WAYS[reader.way]!(url(), reader.runId, position(), signal))
      reader.log.push(seen(reader.runId, event));
    // The server ends a stream behind the terminal event; one that ends before it was cut.
    if (!TERMINAL.includes(reader.log.at(-1)?.type ?? '')) throw new Error('ended early');
  });
}

/** Follows all runs of the tenant until `done()`. */
export async function watchAll(reader: Reader, { url, signal }: ReaderContext, done: () => boolean): Promise<void> {
  let cursor: string | null = null;
  await persistently(reader, signal, async () => {
    for await (const next of overSocket(url(), DASHBOARD, { after: cursor }, 'tenantEvents') as AsyncIterable<{
      cursor: string;
      event: EventNode & { run: { id: string } };
    }>) {
      reader.log.push(seen(next.event.run.id, next.event));
      cursor = next.cursor;
      if (done()) return;
    }
    throw new Error('ended early');
  });
}

async function persistently(reader: Reader, signal: AbortSignal, attempt: () => Promise<void>): Promise<void> {
  for (let failures = 0; ;) {
    const before = reader.log.length;
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw error;
      failures = reader.log.length > before ? 0 : failures + 1;
      reader.resumes += 1;
      const reason = reasonOf(error);
      reader.reasons.set(reason, (reader.reasons.get(reason) ?? 0) + 1);
      await delay(Math.min(100 * 2 ** failures, 2_000) * (0.5 + Math.random()), undefined, { signal });
    }
  }
}

async function* overSocket(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  field: string,
): AsyncGenerator<unknown> {
  const client = createSocketClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  try {
    for await (const result of client.iterate({ query, variables })) yield dataOf(result as Answer)[field];
  } finally {
    // Not awaited: the other end may be gone without a word.
    void client.dispose();
  }
}

interface Answer {
  data?: Record<string, unknown> | null;
  errors?: readonly { message: string; extensions?: { code?: string } }[];
}

/** An operation that was answered with an error. */
export class Refused extends Error {
  readonly code: string;
  readonly extensions: Record<string, unknown>;
  constructor(error: NonNullable<Answer['errors']>[number]) {
    super(error.message);
    this.extensions = { ...error.extensions };
    this.code = error.extensions?.code ?? '';
  }
}

function dataOf({ data, errors }: Answer): Record<string, unknown> {
  if (errors?.[0] !== undefined) throw new Refused(errors[0]);
  return data!;
}

/** One query or mutation over HTTP, once. */
export async function ask(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(40_000)]),
  });
  return dataOf((await response.json()) as Answer);
}

/** A short name for why a connection ended. */
export function reasonOf(error: unknown): string {
  if (error instanceof Refused) return error.code;
  if (Array.isArray(error)) return reasonOf(new Refused(error[0] as never));
  const { code, message, cause } = error as { code?: unknown; message?: string; cause?: unknown };
  if (typeof code === 'number') return `closed with ${code}`;
  if (cause !== undefined) return reasonOf(cause);
  return typeof code === 'string' ? code : (message ?? String(error)).slice(0, 60);
}
