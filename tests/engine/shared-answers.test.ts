/** Events that many follow are answered once for all who are to be told the same, and for nobody else. */
import { parse, type ExecutionResult } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createRequestContext, type Principal, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { SHARED, type SharedEvents } from '#subgraphs/shared/shared-events.ts';
import { isDeliverable, type DeliverableStream } from '#gateway/execute/answers/shared-answers.ts';
import { federate, received, type Federation, type TestSubgraph } from './federation.ts';

interface Event {
  number: number;
}

/** A source whose followers are given the same objects. */
class Source {
  readonly #events: Event[] = [];
  readonly #waiting = new Set<() => void>();

  add(): void {
    this.#events.push({ number: this.#events.length + 1 });
    for (const wake of [...this.#waiting]) wake();
  }

  follow(): SharedEvents<Event> {
    const [events, waiting] = [this.#events, this.#waiting];
    let at = 0;
    let ended = false;
    const wait = (resume: () => void): void => {
      const wake = (): void => {
        waiting.delete(wake);
        resume();
      };
      waiting.add(wake);
    };
    return {
      [SHARED]: true,
      poll: () => (ended ? undefined : (events[at++] ?? (at--, undefined))),
      whenMore: (resume) => !ended && (wait(resume), true),
      async next() {
        while (!ended && at >= events.length) await new Promise<void>((resolve) => wait(resolve));
        return ended ? { done: true, value: undefined } : { done: false, value: events[at++]! };
      },
      return() {
        ended = true;
        for (const wake of [...waiting]) wake();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

/** What the subgraphs were asked, and what keeps them from answering. */
interface Probe {
  readonly source: Source;
  /** Callers for whom an event was resolved, or an agent. */
  readonly resolved: string[];
  readonly named: { id: string; caller: string; signal: AbortSignal | undefined; headers: RequestContext['headers'] }[];
  gate: Promise<void> | undefined;
}

const who = ({ principal }: RequestContext): string =>
  `${principal.tenantId}/${principal.subject}/${principal.roles.join('+')}/${principal.scopes.join('+')}`;

function subgraphs(probe: Probe): Record<string, TestSubgraph> {
  return {
    runs: {
      typeDefs: `
        type Query { x: Int }
        type Subscription { events(from: Int, tag: String): Event }
        type Event { number: Int! caller: String! times(by: Int!): Int! agent: Agent secret: String }
        type Agent @key(fields: "id", resolvable: false) { id: ID! }`,
      resolvers: {
        Subscription: { events: { subscribe: () => probe.source.follow(), resolve: (event: Event) => event } },
        Event: {
          caller: (_: Event, __: unknown, context: RequestContext) => {
            probe.resolved.push(who(context));
            return who(context);
          },
          times: ({ number }: Event, { by }: { by: number }) => number * by,
          agent: ({ number }: Event) => ({ id: `a${number}` }),
          secret: (_: Event, __: unknown, { principal }: RequestContext) => {
            if (!principal.scopes.includes('secrets'))
              throw new CodedError('FORBIDDEN', 'The scope `secrets` is needed.');
            return 'open sesame';
          },
        },
      },
    },
    agents: {
      typeDefs: `type Agent @key(fields: "id") { id: ID! name: String }`,
      resolvers: {
        Agent: {
          __resolveReference: async ({ id }: { id: string }, context: RequestContext) => {
            probe.named.push({ id, caller: who(context), signal: context.signal, headers: context.headers });
            await probe.gate;
            if (id === 'a2') throw new CodedError('STORE_UNAVAILABLE', 'Agents cannot be reached.');
            return { id, name: `${id} of ${context.principal.tenantId}` };
          },
        },
      },
    },
  };
}

const PRINCIPAL: Principal = { tenantId: 'a', subject: 's', roles: ['r'], scopes: ['x'] };
const probeOf = (): Probe => ({ source: new Source(), resolved: [], named: [], gate: undefined });

async function open(
  federation: Federation,
  source: string,
  {
    principal = {},
    variables,
    signal,
    headers,
  }: {
    principal?: Partial<Principal>;
    variables?: Record<string, unknown>;
    signal?: AbortSignal;
    headers?: Record<string, string>;
  } = {},
): Promise<DeliverableStream> {
  const context = createRequestContext({ ...PRINCIPAL, ...principal }, { signal, headers });
  const stream = await federation.engine.subscribe({ document: parse(source), variables, context });
  if (!isDeliverable(stream)) throw new Error(JSON.stringify(stream));
  return stream;
}
const take = async (stream: AsyncIterator<ExecutionResult>): Promise<ExecutionResult> =>
  received((await stream.next()).value as ExecutionResult);

test('those who ask the same are told the same object, resolved once, whatever the arguments of the root field', async () => {
  const probe = probeOf();
  await using federation = await federate(subgraphs(probe));
  const source =
    'subscription ($from: Int, $tag: String) { events(from: $from, tag: $tag) { number caller agent { name } } }';
  const streams = await Promise.all(
    Array.from({ length: 20 }, (_, index) => open(federation, source, { variables: { from: index, tag: `${index}` } })),
  );
  // Literals are arguments too.
  streams.push(await open(federation, source.replace('$from)', '5)').replace('from: $from', 'from: 5')));
  probe.source.add();
  const results = await Promise.all(streams.map(async (stream) => (await stream.next()).value as ExecutionResult));
  expect(results[0]).toEqual({ data: { events: { number: 1, caller: 'a/s/r/x', agent: { name: 'a1 of a' } } } });
  expect(new Set(results.slice(0, 20)).size).toBe(1);
  expect(received(results[20]!)).toEqual(received(results[0]!));
  expect(probe.named.length).toBeLessThanOrEqual(2);
  expect(probe.resolved.length).toBe(probe.named.length);
  for (const stream of streams) await stream.return!();
});

describe('never shared are answers of those who differ in', () => {
  const source =
    'subscription ($by: Int! = 2, $skip: Boolean! = false) { events { caller times(by: $by) agent @skip(if: $skip) { name } } }';
  test.each<[string, Parameters<typeof open>[2], string?]>([
    ['the tenant', { principal: { tenantId: 'b' } }],
    ['the subject', { principal: { subject: 't' } }],
    ['roles', { principal: { roles: ['r', 'admin'] } }],
    ['no roles', { principal: { roles: [] } }],
    ['scopes', { principal: { scopes: ['y'] } }],
    ['where one role ends and the next begins', { principal: { roles: ['r","x'] } }],
    ['being the system', { principal: { system: true } }],
    ['a variable below the root field', { variables: { by: 3 } }],
    ['a condition', { variables: { skip: true } }],
    ['the selection', {}, 'subscription { events { caller times(by: 2) agent { id name } } }'],
    ['an alias', {}, 'subscription { events { caller t: times(by: 2) agent { name } } }'],
    ['a literal below the root field', {}, 'subscription { events { caller times(by: 4) agent { name } } }'],
    ['what headers say to other subgraphs', { headers: { 'accept-language': 'eo' } }],
  ])('%s', async (_, options, other = source) => {
    const probe = probeOf();
    await using federation = await federate(subgraphs(probe));
    const [one, two] = [
      await open(federation, source, { headers: { 'accept-language': 'la' } }),
      await open(federation, other, { headers: { 'accept-language': 'la' }, ...options }),
    ];
    probe.source.add();
    const results = [(await one.next()).value as ExecutionResult, (await two.next()).value as ExecutionResult];
    expect(results[0]).not.toBe(results[1]);
    expect(results[0]).toEqual({ data: { events: { caller: 'a/s/r/x', times: 2, agent: { name: 'a1 of a' } } } });
    const principal = { ...PRINCIPAL, ...options?.principal };
    const { caller } = (results[1]!.data as { events: { caller: string } }).events;
    expect(caller).toBe(who(createRequestContext(principal)));
    expect(probe.resolved).toHaveLength(2);
    // Each asks other subgraphs as itself.
    expect(new Set(probe.named.map((asked) => asked.caller))).toEqual(
      new Set(options?.variables?.['skip'] === true ? ['a/s/r/x'] : ['a/s/r/x', caller]),
    );
    if (options?.headers !== undefined)
      expect(probe.named.map(({ headers }) => headers?.['accept-language'])).toEqual(['la', 'eo']);
    await one.return!();
    await two.return!();
  });
});

test("permissions are each caller's own, event by event", async () => {
  const probe = probeOf();
  await using federation = await federate(subgraphs(probe));
  const source = 'subscription { events { number secret } }';
  const streams = [
    await open(federation, source, { principal: { scopes: ['secrets'] } }),
    await open(federation, source),
    await open(federation, source, { principal: { scopes: ['secrets'] } }),
  ];
  for (const number of [1, 2]) {
    probe.source.add();
    const [may, mayNot, mayToo] = [await take(streams[0]!), await take(streams[1]!), await take(streams[2]!)];
    expect(may).toEqual({ data: { events: { number, secret: 'open sesame' } } });
    expect(mayToo).toEqual(may);
    expect(mayNot).toMatchObject({
      data: { events: { number, secret: null } },
      errors: [{ path: ['events', 'secret'], extensions: { code: 'FORBIDDEN' } }],
    });
  }
  for (const stream of streams) await stream.return!();
});

test('an error of another subgraph costs one event, for all alike', async () => {
  const probe = probeOf();
  await using federation = await federate(subgraphs(probe));
  const streams = await Promise.all(
    [1, 2, 3].map(() => open(federation, 'subscription { e: events { number agent { n: name } } }')),
  );
  for (const _ of [1, 2, 3]) probe.source.add();
  for (const stream of streams) {
    expect([await take(stream), await take(stream), await take(stream)]).toEqual([
      { data: { e: { number: 1, agent: { n: 'a1 of a' } } } },
      {
        data: { e: { number: 2, agent: { n: null } } },
        errors: [
          {
            message: 'Agents cannot be reached.',
            path: ['e', 'agent', 'n'],
            extensions: { code: 'STORE_UNAVAILABLE', service: 'agents' },
          },
        ],
      },
      { data: { e: { number: 3, agent: { n: 'a3 of a' } } } },
    ]);
    await stream.return!();
  }
  expect(probe.named.map(({ id }) => id)).toEqual(['a1', 'a2', 'a3']);
});

test('who asked first may leave: the others are told all the same; with the last, what is under way ends', async () => {
  const probe = probeOf();
  await using federation = await federate(subgraphs(probe));
  let pass: () => void = () => undefined;
  probe.gate = new Promise((resolve) => (pass = resolve));
  const leaving = new AbortController();
  const source = 'subscription { events { agent { name } } }';
  const first = await open(federation, source, { signal: leaving.signal });
  const others = [await open(federation, source), await open(federation, source)];
  probe.source.add();
  const asked = first.next();
  while (probe.named.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const waiting = others.map((stream) => stream.next());
  leaving.abort();
  expect((await asked).done).toBe(true);
  expect(probe.named[0]!.signal?.aborted).toBe(false);
  pass();
  for (const answer of await Promise.all(waiting))
    expect(received(answer.value as ExecutionResult)).toEqual({ data: { events: { agent: { name: 'a1 of a' } } } });
  probe.gate = new Promise(() => undefined);
  probe.source.add();
  for (const stream of others) void stream.next();
  while (probe.named.length === 1) await new Promise((resolve) => setImmediate(resolve));
  await others[0]!.return!();
  expect(probe.named[1]!.signal?.aborted).toBe(false);
  await others[1]!.return!();
  expect(probe.named[1]!.signal?.aborted).toBe(true);
  // Who comes after them begins anew.
  probe.gate = undefined;
  const late = await open(federation, source);
  expect(await take(late)).toEqual({ data: { events: { agent: { name: 'a1 of a' } } } });
  await late.return!();
});
