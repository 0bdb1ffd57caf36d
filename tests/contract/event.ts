/** What every event type must do that `npm run new -- event` began; each test says what to do next. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { payloadFault } from '#subgraphs/runs/events/event-schemas.ts';
import { EVENT_TYPES, type RunEventType } from '#subgraphs/runs/events/event-types.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { as, sequences } from './runs-driver.ts';
import { openPostgresStore } from './runs-postgres-store.ts';

const TABLE = 'subgraphs/runs/events/event-types.ts';
const SCHEMAS = 'subgraphs/runs/events/event-schemas.ts';

export interface EventUnderTest {
  readonly type: RunEventType;
  /** A payload that an agent would append. */
  readonly payload: { [key: string]: JsonValue };
  /** One that must be refused. */
  readonly wrong: { [key: string]: JsonValue };
}

/** Registers the suite. */
export function eventContract({ type, payload, wrong }: EventUnderTest): void {
  describe(`the event type ${type}`, () => {
    let store: Awaited<ReturnType<typeof openPostgresStore>>;
    beforeAll(async () => {
      store = await openPostgresStore();
    });
    afterAll(async () => {
      await store?.close();
    });

    test('is described', () => {
      if (EVENT_TYPES[type].description.startsWith('TODO')) expect.fail(`Describe ${type} in ${TABLE}.`);
    });

    test('takes what it is for, and nothing else', () => {
      expect(payloadFault(type, payload)).toBeUndefined();
      if (payloadFault(type, wrong) === undefined)
        expect.fail(
          `Say in ${SCHEMAS} what the payload of ${type} must have, and give one that lacks it as \`wrong\`.`,
        );
    });

    test('is read as it was appended', async () => {
      const { driver } = await store.replica();
      const run = await driver.start(as('t'), {});
      await driver.append(as('t'), { runId: run.id, events: [{ type, payload }] });
      const events = await driver.events(as('t'), [{ runId: run.id, after: 0 }], { limit: 10 });
      expect(sequences(events)).toEqual([1, 2]);
      expect(events[1]).toMatchObject({ type, payload });
    });
  });
}
