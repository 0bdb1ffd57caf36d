import { parse, type ExecutionResult } from 'graphql';
import { describe, expect, test } from 'vitest';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import { createRequestContext, perRequest } from '#subgraphs/shared/context.ts';
import { federate, received, testContext, type Federation, type TestSubgraph } from './federation.ts';

let contexts = 0;
const numberOfContext = perRequest(() => ++contexts);

/** A stream that says when it was ended, and can be ended while it waits. */
function stream(values: readonly unknown[], ended: () => void, endless = false): AsyncIterableIterator<unknown> {
  let index = 0;
  let wake: (() => void) | undefined;
  return {
    async next() {
      if (index < values.length) return { done: false, value: values[index++] };
      if (endless) await new Promise<void>((resolve) => (wake = resolve));
      return { done: true, value: undefined };
    },
    return() {
      wake?.();
      ended();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

interface Probe {
  ended: number;
  aborted: number;
}

function subgraphs(probe: Probe): Record<string, TestSubgraph> {
  return {
    runs: {
      typeDefs: `
        type Query { x: Int }
        type Subscription { events(count: Int!, endless: Boolean = false): Event refused: Event nothing: Event! }
        type Event { sequence: Int! context: Int agent: Agent }
        type Agent @key(fields: "id", resolvable: false) { id: ID! }`,
      resolvers: {
        Event: { context: (_: unknown, __: unknown, context: never) => numberOfContext(context) },
        Subscription: {
          events: {
            subscribe: (
              _: unknown,
              { count, endless }: { count: number; endless: boolean },
              context: { signal: AbortSignal },
            ) => {
              context.signal.addEventListener('abort', () => (probe.aborted += 1));
              const values = Array.from({ length: count }, (__, index) => ({
                events: { sequence: index, agent: { id: `a${index}` } },
              }));
              return stream(values, () => (probe.ended += 1), endless);
            },
          },
          refused: {
            subscribe: () => {
              throw new CodedError('NOT_FOUND', 'There is no such run.');
            },
          },
          nothing: { subscribe: () => stream([{ nothing: null }, { nothing: { sequence: 1 } }], () => undefined) },
        },
      },
    },
    agents: {
      typeDefs: `type Agent @key(fields: "id") { id: ID! name: String context: Int }`,
      resolvers: {
        Agent: {
          context: (_: unknown, __: unknown, context: never) => numberOfContext(context),
          __resolveReference: ({ id }: { id: string }) => {
            if (id === 'a1') throw new CodedError('STORE_UNAVAILABLE', 'Agents cannot be reached.');
            return { id, name: `Agent ${id}` };
          },
        },
      },
    },
  };
}

const open = async (federation: Federation, source: string, signal?: AbortSignal) =>
  (await federation.engine.subscribe({
    document: parse(source),
    context: testContext({ signal }),
  })) as AsyncIterableIterator<ExecutionResult>;

test('each event has fields of other subgraphs, in order; an error in one does not end the stream', async () => {
  const probe = { ended: 0, aborted: 0 };
  await using federation = await federate(subgraphs(probe));
  const events: ExecutionResult[] = [];
  for await (const event of await open(
    federation,
    `subscription { e: events(count: 3) { sequence agent { n: name } } }`,
  ))
    events.push(received(event));
  expect(events).toEqual([
    { data: { e: { sequence: 0, agent: { n: 'Agent a0' } } } },
    {
      errors: [
        {
          message: 'Agents cannot be reached.',
          path: ['e', 'agent', 'n'],
          extensions: { code: 'STORE_UNAVAILABLE', service: 'agents' },
        },
      ],
      data: { e: { sequence: 1, agent: { n: null } } },
    },
    { data: { e: { sequence: 2, agent: { n: 'Agent a2' } } } },
  ]);
});

test('a null where none may be costs one event', async () => {
  await using federation = await federate(subgraphs({ ended: 0, aborted: 0 }));
  const events: ExecutionResult[] = [];
  for await (const event of await open(federation, `subscription { nothing { sequence } }`))
    events.push(received(event));
  expect(events.map(({ data, errors }) => [data, errors?.length])).toEqual([
    [null, 1],
    [{ nothing: { sequence: 1 } }, undefined],
  ]);
});

test('loaders of one event do not serve the next', async () => {
  await using federation = await federate(subgraphs({ ended: 0, aborted: 0 }));
  const seen = new Set<unknown>();
  for await (const { data } of await open(federation, `subscription { events(count: 3) { context } }`)) {
    seen.add((data!.events as { context: number }).context);
  }
  expect(seen.size).toBe(3);
});

test('returning ends the subscription upstream at once, also while an event is awaited', async () => {
  const probe = { ended: 0, aborted: 0 };
  await using federation = await federate(subgraphs(probe));
  const events = await open(federation, `subscription { events(count: 0, endless: true) { sequence } }`);
  const waiting = events.next();
  await events.return!();
  expect(probe).toEqual({ ended: 1, aborted: 1 });
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await events.next()).toEqual({ done: true, value: undefined });
});

test("the caller's signal ends it too, before and after it is open", async () => {
  const probe = { ended: 0, aborted: 0 };
  await using federation = await federate(subgraphs(probe));
  const leaving = new AbortController();
  const events = await open(
    federation,
    `subscription { events(count: 0, endless: true) { sequence } }`,
    leaving.signal,
  );
  const waiting = events.next();
  leaving.abort();
  expect((await waiting).done).toBe(true);
  expect(probe).toEqual({ ended: 1, aborted: 1 });
  const late = await federation.engine.subscribe({
    document: parse(`subscription { events(count: 1) { sequence } }`),
    context: testContext({ signal: leaving.signal }),
  });
  expect((late as ExecutionResult).errors![0]!.extensions.code).toBe('REQUEST_TIMEOUT');
});

test('each event has a trace of its own where one is asked for', async () => {
  await using federation = await federate(subgraphs({ ended: 0, aborted: 0 }));
  const events = (await federation.engine.subscribe({
    document: parse(`subscription { events(count: 2) { sequence agent { name } } }`),
    context: testContext(),
    trace: true,
  })) as AsyncIterableIterator<ExecutionResult>;
  const traces: unknown[] = [];
  for await (const { extensions } of events) traces.push(extensions?.trace);
  expect(traces).toHaveLength(2);
  for (const trace of traces) {
    expect(trace).toMatchObject({
      planMs: expect.any(Number) as unknown,
      plan: { kind: 'Fetch', service: 'agents', ran: true, representations: 1, calls: 1 },
    });
  }
});

describe('trace context', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  /** The trace parents that the fetches for three events were given; the second event says where it comes from. */
  async function parentsOf(headers: Record<string, string>): Promise<(string | undefined)[]> {
    const parents: (string | undefined)[] = [];
    const say = (client: SubgraphClient): SubgraphClient => ({
      ...client,
      execute(request) {
        parents.push(request.context.headers?.traceparent as string | undefined);
        return client.execute(request);
      },
      async subscribe(request) {
        const opened = (await client.subscribe(request)) as AsyncIterable<ExecutionResult>;
        return (async function* () {
          let index = 0;
          for await (const event of opened)
            yield index++ === 1
              ? { ...event, extensions: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } }
              : event;
        })();
      },
    });
    await using federation = await federate(subgraphs({ ended: 0, aborted: 0 }), { wrap: say });
    const context = createRequestContext({ tenantId: 'test', subject: 'tester', roles: [], scopes: [] }, { headers });
    const events = await federation.engine.subscribe({
      document: parse(`subscription { events(count: 3) { agent { name } } }`),
      context,
    });
    for await (const event of events as AsyncIterable<ExecutionResult>) expect(event.data).toBeTruthy();
    return parents;
  }

  test("each event's fetches have a parent of their own, in the subscriber's trace or in that which the event names", async () => {
    const parents = await parentsOf({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` });
    const own = new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`);
    expect(parents).toEqual([
      expect.stringMatching(own),
      `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      expect.stringMatching(own),
    ]);
    expect(new Set(parents).size).toBe(3);
    expect(parents).not.toContain(`00-${TRACE}-00f067aa0ba902b7-01`);
  });

  test.each([[{}], [{ traceparent: 'nonsense' }]])(
    'nothing is made up for a subscriber with the headers %j',
    async (headers: Record<string, string>) => {
      expect(await parentsOf(headers)).toEqual([
        headers.traceparent,
        `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
        headers.traceparent,
      ]);
    },
  );
});

test('one that cannot be opened says why', async () => {
  await using federation = await federate(subgraphs({ ended: 0, aborted: 0 }));
  const result = (await federation.engine.subscribe({
    document: parse(`subscription { r: refused { sequence } }`),
    context: testContext(),
  })) as ExecutionResult;
  expect(received(result)).toEqual({
    errors: [{ message: 'There is no such run.', path: ['r'], extensions: { code: 'NOT_FOUND', service: 'runs' } }],
  });
});
