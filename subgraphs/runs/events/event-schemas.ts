/**
 * What the payloads of events must be: AG-UI's own schemas (`@ag-ui/core` 1.0) decide, so that none of its clients is
 * stopped by an event of ours. Keys that a schema does not name are kept.
 */
import { EventSchemas, RunAgentInputSchema } from '@ag-ui/core/schemas';
import { z } from 'zod';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { isOwn, type RunEventType } from './event-types.ts';
import { JSON_PATCH } from './json-patch.ts';

/** What a payload must be beyond AG-UI's schemas, or in their place where the type is ours. */
const OURS: Partial<Record<RunEventType, z.ZodType>> = {
  // Their paths are checked here against the state, so the form is checked first, with a sentence for each fault.
  STATE_DELTA: z.looseObject({ delta: JSON_PATCH }),
  ACTIVITY_DELTA: z.looseObject({ patch: JSON_PATCH }),
  ARTIFACT_CREATED: z.looseObject({
    artifactId: z.string().regex(/^art_[a-z0-9]{1,40}$/, "must be an artifact's id"),
  }),
};

/** A fault in a payload, and where it is. */
export interface PayloadFault {
  readonly path: string;
  readonly message: string;
}

/** The first fault of a payload; undefined where there is none. */
export function payloadFault(type: RunEventType, payload: { [key: string]: JsonValue }): PayloadFault | undefined {
  const ours = OURS[type]?.safeParse(payload);
  if (ours && !ours.success) return faultOf(ours.error.issues[0]!, payload);
  if (isOwn(type)) return undefined;
  // The log fills these in where the agent leaves them out.
  const ids = type === 'RUN_STARTED' || type === 'RUN_FINISHED' ? { threadId: '-', runId: '-' } : {};
  const checked = EventSchemas.safeParse({ ...ids, ...payload, type });
  return checked.success ? undefined : faultOf(checked.error.issues[0]!, payload);
}

/** The first fault of a client's request to run an agent (AG-UI's `RunAgentInput`); undefined where there is none. */
export function runInputFault(input: JsonValue): PayloadFault | undefined {
  const checked = RunAgentInputSchema.safeParse(input);
  return checked.success ? undefined : faultOf(checked.error.issues[0]!, input);
}

/** The fault that an issue is, looked for within the alternatives that an event's part may be. */
function faultOf(issue: z.core.$ZodIssue, payload: unknown): PayloadFault {
  let path = [...issue.path];
  let inner = issue;
  while (inner.code === 'invalid_union') {
    // The alternative that was meant is the one that got furthest.
    const nested = inner.errors.flatMap(([first]) => (first ? [first] : []));
    const furthest = nested.sort((a, b) => b.path.length - a.path.length)[0];
    if (!furthest || furthest.path.length === 0) break;
    path = [...path, ...furthest.path];
    inner = furthest;
  }
  const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], payload);
  // A schema of AG-UI's own making says no more than that it is wrong.
  const message =
    value === undefined
      ? 'is required'
      : inner.message === 'Invalid input'
        ? 'is not what AG-UI has here'
        : inner.message;
  return { path: path.join('.'), message };
}
