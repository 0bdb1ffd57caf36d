/**
 * `GET /runs/:id/events`: a run's log as server-sent events in AG-UI's encoding, for EventSource and AG-UI clients as
 * they are. Every event has its sequence as `id`, so that a client that comes back with `Last-Event-ID` goes on behind
 * it. (HTML standard, section 9.2: a cut stream is connected again after `retry`; 204 says not to.)
 */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createRequestContext, type Principal } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import type { Route } from '#subgraphs/shared/subgraph.ts';
import { RUNS, type RunsBounds } from '../bounds.ts';
import type { RunEvent } from '../driver.ts';
import { isOwn, RUN_EVENT_TYPES, type RunEventType } from '../events/event-types.ts';
import { parseCursor } from '../input.ts';
import type { RunStream } from './run-stream.ts';
import type { StreamHub } from './stream-hub.ts';

export interface SseOptions extends Pick<RunsBounds, 'keepAliveMs' | 'stallMs'> {
  log?: (message: string, error?: unknown) => void;
}

const PREFIX = '/runs/';

/** The route; tenancy and existence are looked at anew by every request, and so by every resume. */
export function eventRoute(hub: StreamHub, options: SseOptions = {}): Route {
  return {
    methods: ['GET'],
    prefix: PREFIX,
    authenticated: true,
    async handle(request, principal) {
      const url = new URL(request.url);
      const runId = /^\/runs\/([^/]+)\/events$/.exec(url.pathname)?.[1];
      if (runId === undefined)
        throw new CodedError('NOT_FOUND', 'There is nothing at this path.', {
          hint: "A run's events are at /runs/<id>/events.",
        });
      // The browser sends `Last-Event-ID` when it comes back to the URL that it began with: it is the younger of the
      // two; some clients send an empty one at first. Polyfills that may send no headers put it into the URL.
      const after = parseCursor(
        request.headers.get('last-event-id') ||
          url.searchParams.getAll('lastEventId').at(-1) ||
          url.searchParams.get('after'),
      );
      const context = createRequestContext(principal as Principal, { signal: request.signal });
      const stream = await hub.follow(context, runId, { after, types: parseTypes(url.searchParams.get('types')) });
      if (stream.exhausted) {
        await stream.return();
        return new Response(null, { status: 204 });
      }
      return new Response(encode(stream, options), {
        headers: {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store, no-transform',
          'x-accel-buffering': 'no',
        },
      });
    },
  };
}

/**
 * @throws CodedError `BAD_USER_INPUT` for a type that does not exist
 */
function parseTypes(text: string | null): readonly RunEventType[] | null {
  if (text === null || text === '') return null;
  const types = text.split(',');
  const unknown = types.find((type) => !(RUN_EVENT_TYPES as readonly string[]).includes(type));
  if (unknown !== undefined)
    throw badUserInput(`\`types\` names no event type: ${JSON.stringify(unknown.slice(0, 80))}.`);
  return types as RunEventType[];
}

/** An event as AG-UI encodes it: one flat object. What AG-UI does not know is its CUSTOM. */
export function toAgUi({ type, payload, createdAt }: RunEvent): Record<string, unknown> {
  const timestamp = createdAt.getTime();
  if (isOwn(type)) return { type: 'CUSTOM', timestamp, name: type, value: payload };
  return { timestamp, ...payload, type };
}

/** Frames of events that several may follow: encoded once, and kept as long as the event is. */
const frames = new WeakMap<RunEvent, Uint8Array>();
const text = new TextEncoder();

function frameOf(event: RunEvent): Uint8Array {
  let frame = frames.get(event);
  if (frame === undefined) {
    frame = text.encode(`id: ${event.sequence}\ndata: ${writeJson(toAgUi(event))}\n\n`);
    frames.set(event, frame);
  }
  return frame;
}

/** The frame of `first`, and of what else is at hand. */
function chunkOf(first: RunEvent, stream: RunStream): Uint8Array {
  const parts = [frameOf(first)];
  for (let bytes = parts[0]!.length; bytes < RUNS.writeBytes;) {
    const event = stream.poll();
    if (event === undefined) break;
    const frame = frameOf(event);
    parts.push(frame);
    bytes += frame.length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** Pulls from the stream as fast as the client reads; a client that stops reading is cut after a while. */
function encode(
  stream: RunStream,
  { keepAliveMs = RUNS.keepAliveMs, stallMs = RUNS.stallMs, log }: SseOptions,
): ReadableStream<Uint8Array> {
  let next: Promise<IteratorResult<RunEvent>> | undefined;
  let stalled: NodeJS.Timeout | undefined;
  let begun = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled);
        if (!begun) {
          begun = true;
          // At once, so that the client knows that it is connected.
          controller.enqueue(text.encode(`retry: ${RUNS.comeBackMs}\n\n`));
        } else {
          next ??= stream.next();
          const result = await orIdle(next, keepAliveMs);
          if (result === undefined) {
            controller.enqueue(text.encode(': waiting\n\n'));
          } else {
            next = undefined;
            if (result.done === true) return controller.close();
            controller.enqueue(chunkOf(result.value, stream));
          }
        }
        stalled = setTimeout(() => {
          log?.("A client left a run's events unread; it is cut, and may resume.");
          void stream.return();
          controller.error(new DOMException('The client does not read.', 'AbortError'));
        }, stallMs).unref();
      },
      async cancel() {
        clearTimeout(stalled);
        await stream.return();
      },
    },
    { highWaterMark: 0 },
  );
}

async function orIdle<T>(next: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms).unref();
  });
  try {
    return await Promise.race([next, idle]);
  } finally {
    clearTimeout(timer);
  }
}
