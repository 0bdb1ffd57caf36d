/** Checks on what callers send, beyond what GraphQL's types say. */
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { isIdOf } from '#subgraphs/shared/ids.ts';
import { checkJson, isJsonObject } from '#subgraphs/shared/json.ts';
import { RUNS } from './bounds.ts';
import { RUN_LIMITS, type AppendEvents, type RunLimits } from './driver.ts';
import { payloadFault, runInputFault } from './events/event-schemas.ts';
import { isTerminal, type RunEventType } from './events/event-types.ts';

/**
 * @throws CodedError `BAD_USER_INPUT` where a text is empty, too long or holds NUL
 */
export function checkText(
  name: string,
  value: string | null | undefined,
  limit: number = RUNS.shortCharacters,
): string | null {
  if (value === null || value === undefined) return null;
  if (value === '') throw badUserInput(`\`${name}\` must not be empty; leave it out.`);
  if (value.length > limit)
    throw badUserInput(`\`${name}\` is ${value.length} characters long; at most ${limit} are accepted.`);
  if (value.includes('\0')) throw badUserInput(`\`${name}\` cannot contain the NUL character (U+0000).`);
  return value;
}
export const checkLongText = (name: string, value: string | null | undefined): string | null =>
  checkText(name, value, RUNS.longCharacters);

/**
 * @throws CodedError `BAD_USER_INPUT` where a number is out of its bounds
 */
export function checkNumber(
  name: string,
  value: number | null | undefined,
  { min, max }: { min: number; max: number },
): number | null {
  if (value === null || value === undefined) return null;
  if (value < min || value > max) throw badUserInput(`\`${name}\` must be from ${min} to ${max}; got ${value}.`);
  return value;
}

/** PostgreSQL's and JavaScript's calendars agree up to here. */
const LAST_MOMENT = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * @throws CodedError `BAD_USER_INPUT` where a moment is beyond what can be stored
 */
export function checkMoment(name: string, value: Date | string | null | undefined): Date | null {
  if (value === null || value === undefined) return null;
  const moment = new Date(value);
  if (moment.getTime() < 0 || moment.getTime() > LAST_MOMENT)
    throw badUserInput(`\`${name}\` must be between 1970 and 9999.`);
  return moment;
}

/** An agent's id, by its form: agents are another subgraph's. */
export function checkAgentId(id: string | null | undefined): string | null {
  if (id === null || id === undefined) return null;
  if (!isIdOf('Agent', id))
    throw badUserInput(`${JSON.stringify(id.slice(0, 80))} is not an agent's id.`, {
      hint: 'Agent ids look like `agt_…`.',
    });
  return id;
}

/**
 * Parses a cursor of a log: the sequence of the last event seen, in decimal.
 * @returns 0, the start, for none or an empty one
 * @throws CodedError `BAD_USER_INPUT`
 */
export function parseCursor(after: string | null | undefined, name: 'after' | 'before' = 'after'): number {
  if (after === null || after === undefined || after === '') return 0;
  if (!/^(0|[1-9]\d{0,8})$/.test(after)) {
    throw badUserInput(`\`${name}\` is not a cursor of a run's events.`, {
      hint: 'Use the `sequence` of the last event seen, or leave it out.',
    });
  }
  return Number(after);
}

/**
 * Checks the events of one append by their types' schemas, and gives run lifecycle events the ids that AG-UI wants.
 * @throws CodedError `BAD_USER_INPUT` that names the event and the part
 */
export function checkEvents(
  events: readonly { type: RunEventType; payload?: JsonValue }[],
  limits: RunLimits = RUN_LIMITS,
): AppendEvents['events'] {
  if (events.length === 0) throw badUserInput('`events` must not be empty.');
  if (events.length > limits.eventsPerAppend) {
    throw badUserInput(`An append holds at most ${limits.eventsPerAppend} events; got ${events.length}.`, {
      hint: 'Split it.',
    });
  }
  return events.map(({ type, payload }, index) => {
    const where = `events[${index}] (${type})`;
    if (isTerminal(type) && index < events.length - 1)
      throw badUserInput(`${where}: nothing can follow it; make it the last event.`);
    if (type === 'RUN_STARTED' && index > 0) throw badUserInput(`${where}: it can only be the first event of a run.`);
    const given = checkJson(payload ?? {});
    if (!isJsonObject(given)) throw badUserInput(`${where}: the payload must be an object.`);
    if (Object.hasOwn(given, 'type') && given['type'] !== type)
      throw badUserInput(`${where}: \`type\` in the payload differs from the event's.`);
    // What a double would change is a number to the schemas all the same.
    const fault = payloadFault(type, withPlainNumbers(given) as typeof given);
    if (fault) {
      const part = fault.path === '' ? 'payload' : `payload.${fault.path.slice(0, 200)}`;
      throw badUserInput(`${where}: ${part}: ${fault.message.slice(0, RUNS.faultCharacters)}`);
    }
    // What was given, not what the schema made of it: unknown keys stay, `__proto__` included.
    return { type, payload: given };
  });
}

/** What a run is started with by AG-UI's `RunAgentInput`. */
export interface AgUiInput {
  readonly input: { [key: string]: JsonValue };
  readonly threadId: string;
  /** The client's own name of the run: asked for again with it, it is the same run. */
  readonly idempotencyKey: string;
  /** Null where none was given. */
  readonly state: JsonValue;
}

const RUN_INPUT_LIMITS = { bytes: RUNS.runInputBytes, depth: RUNS.runInputDepth, keys: RUNS.runInputKeys };

/**
 * Checks AG-UI's `RunAgentInput` by AG-UI's own schema. Keys that it does not name are kept.
 * @throws CodedError `BAD_USER_INPUT` that names the part
 */
export function checkRunInput(value: unknown): { [key: string]: JsonValue } {
  const given = checkJson(value, RUN_INPUT_LIMITS);
  if (!isJsonObject(given)) throw badUserInput('RunAgentInput must be an object.');
  // Clients in Python write null for what is absent, where the schema wants it to be so.
  const input = Object.fromEntries(Object.entries(given).filter(([, part]) => part !== null));
  const fault = runInputFault(withPlainNumbers(input) as typeof input);
  if (fault)
    throw badUserInput(
      `RunAgentInput: \`${fault.path.slice(0, 200)}\`: ${fault.message.slice(0, RUNS.faultCharacters)}`,
      { hint: "Its form is AG-UI's (https://docs.ag-ui.com/sdk/js/core/types)." },
    );
  return input;
}

/** @param input checked by {@link checkRunInput} */
export function agUiInput(input: { [key: string]: JsonValue }): AgUiInput {
  const { threadId, runId, state } = input as { threadId: string; runId: string; state?: JsonValue };
  return {
    input,
    threadId: checkText('threadId', threadId)!,
    idempotencyKey: checkText('runId', runId)!,
    state: state ?? null,
  };
}
