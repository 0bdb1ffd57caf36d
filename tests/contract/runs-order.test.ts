/** The order of events, held to AG-UI's own client: what a log takes, the client reads. */
import type { BaseEvent } from '@ag-ui/core';
import { EventSchemas } from '@ag-ui/core/schemas';
import { fc } from '#tests/setup/property.ts';
import { describe, expect, it } from 'vitest';
import { RUNS } from '#subgraphs/runs/bounds.ts';
import { payloadFault } from '#subgraphs/runs/events/event-schemas.ts';
import { RUN_EVENT_TYPES, type RunEventType } from '#subgraphs/runs/events/event-types.ts';
import { EventOrder, NOTHING_OPEN, type OrderedEvent } from '#subgraphs/runs/events/order.ts';
import { toAgUi } from '#subgraphs/runs/streams/sse.ts';
import { readByAgUi } from '#tests/setup/ag-ui.ts';

const event = (type: RunEventType, payload: OrderedEvent['payload'] = {}): OrderedEvent => ({ type, payload });

/** As a client gets them. */
const encoded = (events: readonly OrderedEvent[]): BaseEvent[] =>
  events.map(
    ({ type, payload }, at) =>
      toAgUi({
        runId: 'run_1',
        sequence: at + 1,
        type,
        payload: type.startsWith('RUN_') ? { threadId: 't', runId: 'run_1', ...payload } : payload,
        actor: 'a',
        createdAt: new Date(0),
        bytes: 0,
      }) as unknown as BaseEvent,
  );

/** Why the client gives the stream up; undefined where it reads it to its end. */
async function clientsObjection(events: readonly OrderedEvent[]): Promise<string | undefined> {
  const source = encoded(events);
  for (const each of source) {
    const { success, error } = EventSchemas.safeParse(each);
    if (!success) return `${each.type}: ${error.message}`;
  }
  try {
    const body = source.map((each) => `data: ${JSON.stringify(each)}\n\n`).join('');
    await readByAgUi(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What our order makes of `events`, each of which may be refused; a fresh state before each, as between appends. */
function written(events: readonly OrderedEvent[]): { log: OrderedEvent[]; refused: OrderedEvent[] } {
  const log: OrderedEvent[] = [event('RUN_STARTED')];
  const refused: OrderedEvent[] = [];
  let parts = NOTHING_OPEN;
  for (const each of events) {
    // As the driver does: whose everything is, is read from the log when the first subagent is named.
    if (each.payload['subagentRunId'] !== undefined && !parts.owners) parts = EventOrder.of(log, true);
    const order = new EventOrder(JSON.parse(JSON.stringify(parts)) as typeof parts);
    try {
      log.push(...order.take(each));
      parts = order.parts;
    } catch (error) {
      expect(error).toMatchObject({ code: 'BAD_USER_INPUT' });
      refused.push(each);
    }
  }
  return { log, refused };
}

const ids = ['x', 'y', 'z'] as const;
/** Who something belongs to, the same for each use of an id; what continues it may say so, or be wrong. */
const ownerOf = (id: string): string | undefined => (id === 'z' ? 's1' : undefined);
const id = fc.constantFrom(...ids);
const own = (type: RunEventType, key: string, rest: OrderedEvent['payload'] = {}) =>
  fc
    .tuple(id, fc.constantFrom(undefined, 's1', 's2'))
    .map(([name, tag]) => event(type, { [key]: name, ...rest, ...(tag === undefined ? {} : { subagentRunId: tag }) }));
const chunk = (type: RunEventType, key: string, rest: OrderedEvent['payload'], first: OrderedEvent['payload']) =>
  fc.tuple(fc.option(id, { nil: undefined }), fc.boolean()).map(([name, begins]) => {
    const owner = name === undefined ? undefined : ownerOf(name);
    return event(type, {
      ...(name === undefined ? {} : { [key]: name }),
      ...rest,
      ...(begins ? first : {}),
      ...(owner === undefined ? {} : { subagentRunId: owner }),
    });
  });
const anyEvent: fc.Arbitrary<OrderedEvent> = fc.oneof(
  own('TEXT_MESSAGE_START', 'messageId'),
  own('TEXT_MESSAGE_CONTENT', 'messageId', { delta: 'd' }),
  own('TEXT_MESSAGE_END', 'messageId'),
  own('TOOL_CALL_START', 'toolCallId', { toolCallName: 't' }),
  own('TOOL_CALL_START', 'toolCallId', { toolCallName: 't', parentMessageId: 'x' }),
  own('TOOL_CALL_RESULT', 'toolCallId', { messageId: 'y', content: 'c' }),
  own('ACTIVITY_SNAPSHOT', 'messageId', { activityType: 'a', content: {} }),
  own('ACTIVITY_SNAPSHOT', 'messageId', { activityType: 'a', content: {}, replace: false }),
  own('ACTIVITY_DELTA', 'messageId', { activityType: 'a', patch: [] }),
  own('REASONING_ENCRYPTED_VALUE', 'entityId', { subtype: 'message', encryptedValue: 'e' }),
  own('REASONING_ENCRYPTED_VALUE', 'entityId', { subtype: 'tool-call', encryptedValue: 'e' }),
  own('TOOL_CALL_ARGS', 'toolCallId', { delta: 'd' }),
  own('TOOL_CALL_END', 'toolCallId'),
  own('REASONING_START', 'messageId'),
  own('REASONING_MESSAGE_START', 'messageId', { role: 'reasoning' }),
  own('REASONING_MESSAGE_CONTENT', 'messageId', { delta: 'd' }),
  own('REASONING_MESSAGE_END', 'messageId'),
  own('REASONING_END', 'messageId'),
  own('STEP_STARTED', 'stepName'),
  own('STEP_FINISHED', 'stepName'),
  fc.constantFrom('s1', 's2', 's3').map((name) => event('SUBAGENT_STARTED', { subagentRunId: name, name: 'n' })),
  fc.constantFrom('s1', 's2', 's3').map((name) => event('SUBAGENT_FINISHED', { subagentRunId: name })),
  fc
    .constantFrom('s1', 's2')
    .map((name) => event('SUBAGENT_STARTED', { subagentRunId: `${name}-child`, name: 'n', parentSubagentRunId: name })),
  chunk('TEXT_MESSAGE_CHUNK', 'messageId', { delta: 'd' }, { role: 'assistant' }),
  chunk('TOOL_CALL_CHUNK', 'toolCallId', { delta: 'd' }, { toolCallName: 't' }),
  chunk('REASONING_MESSAGE_CHUNK', 'messageId', { delta: 'd' }, {}),
  fc.constantFrom(
    event('CUSTOM', { name: 'n', value: 1 }),
    event('STATE_SNAPSHOT', { snapshot: {} }),
    event('RAW', { event: 1 }),
  ),
  fc.constantFrom(event('ARTIFACT_CREATED', { artifactId: 'art_1' }), event('MESSAGES_SNAPSHOT', { messages: [] })),
);
const ending = fc.constantFrom<OrderedEvent>(
  event('RUN_FINISHED', { outcome: { type: 'success' } }),
  event('RUN_FINISHED', { outcome: { type: 'cancelled' }, reason: 'why' }),
  event('RUN_FINISHED', { outcome: { type: 'interrupt', interrupts: [{ id: 'i', reason: 'r' }] } }),
  event('RUN_ERROR', { message: 'm' }),
);

describe('the order of events', () => {
  it("takes nothing that AG-UI's client gives a stream up for", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 30 }), ending, async (events, end) => {
        expect(await clientsObjection(written([...events, end]).log)).toBeUndefined();
      }),
      { numRuns: 800 },
    );
  });

  it('leaves nothing open behind a last event', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), ending, (events, end) => {
        const { log } = written([...events, end]);
        expect(EventOrder.of(log, true).open).toEqual([]);
        expect(log.at(-1)).toEqual(end);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses what nothing could mend, as the client would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 12 }), anyEvent, async (events, last) => {
        const { log } = written(events);
        const { refused } = written([...log.slice(1), last]);
        if (refused.length > 0) expect(await clientsObjection([...log, last, ...closers(log)])).toBeDefined();
      }),
      { numRuns: 400 },
    );
    // The client objects to some CHUNKs only when they end.
    function closers(log: readonly OrderedEvent[]): OrderedEvent[] {
      return new EventOrder(EventOrder.of(log, true)).take(event('RUN_FINISHED'));
    }
  });

  it.each<[string, OrderedEvent[]]>([
    [
      "a result with the id of another's message that goes on",
      [
        event('TEXT_MESSAGE_CHUNK', { messageId: 'y', delta: 'd' }),
        event('TOOL_CALL_RESULT', { toolCallId: 'x', messageId: 'y', content: 'c', subagentRunId: 's1' }),
      ],
    ],
    [
      'a piece that says the role that a first piece has without saying it',
      [
        event('TEXT_MESSAGE_CHUNK', { messageId: 'x', delta: 'd' }),
        event('TEXT_MESSAGE_CHUNK', { delta: 'd', role: 'assistant' }),
      ],
    ],
  ])('takes what the client takes: %s', async (_, events) => {
    const { log, refused } = written([...events, event('RUN_FINISHED')]);
    expect(refused).toEqual([]);
    expect(await clientsObjection(log)).toBeUndefined();
  });

  it('begins a message whose first event is a piece of it', () => {
    expect(new EventOrder().take(event('TEXT_MESSAGE_CONTENT', { messageId: 'm1', delta: 'Found ' }))).toEqual([
      event('TEXT_MESSAGE_START', { messageId: 'm1', role: 'assistant' }),
      event('TEXT_MESSAGE_CONTENT', { messageId: 'm1', delta: 'Found ' }),
    ]);
  });

  it('bounds what may be open at once', () => {
    const order = new EventOrder();
    for (let at = 0; at < RUNS.openParts; at++) order.take(event('STEP_STARTED', { stepName: `s${at}` }));
    expect(() => order.take(event('STEP_STARTED', { stepName: 'one more' }))).toThrow(/at most 500/);
    expect(order.take(event('RUN_FINISHED'))).toHaveLength(RUNS.openParts + 1);
  });
});

describe('payloads', () => {
  it("are refused where AG-UI's schemas refuse them, with the place", () => {
    expect(payloadFault('TEXT_MESSAGE_CONTENT', { messageId: 'm' })).toEqual({ path: 'delta', message: 'is required' });
    expect(payloadFault('RUN_STARTED', { input: { x: 1 } })).toMatchObject({ path: 'input.threadId' });
    expect(payloadFault('MESSAGES_SNAPSHOT', { messages: [{ id: 'a', role: 'user' }] })).toMatchObject({
      path: expect.stringMatching(/^messages\.0\.content/) as string,
    });
    expect(payloadFault('RUN_FINISHED', { outcome: { type: 'interrupt', interrupts: [] } })).toBeDefined();
    expect(payloadFault('CUSTOM', { name: 'n' })).toEqual({ path: 'value', message: 'is required' });
  });

  it("of every type of ours are AG-UI's, once encoded", () => {
    const known = new Set<string>(EventSchemas.options.flatMap(({ shape }) => [...shape.type._zod.values] as string[]));
    expect(RUN_EVENT_TYPES.filter((type) => !known.has(type))).toEqual(['ARTIFACT_CREATED']);
    expect(known.size).toBe(RUN_EVENT_TYPES.length - 1);
  });
});
