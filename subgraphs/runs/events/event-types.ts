/**
 * The one table of event types: name, description, payload, and the payload's parts that GraphQL shows as typed fields.
 * Names and payloads follow AG-UI 1.0 (https://docs.ag-ui.com, `@ag-ui/core` `EventSchema`), so that its clients read
 * our streams as they are; ARTIFACT_CREATED is ours. Keys that a schema does not name are kept.
 */
import { z } from 'zod';
import { JSON_PATCH } from './json-patch.ts';

/**
 * A part of the payload that the event's GraphQL type shows as a field. All are nullable, so that selections on several
 * types merge.
 */
export interface EventField {
  readonly type: 'ID' | 'String' | 'Boolean' | 'JSON';
  readonly description: string;
  /** The payload's key, where the field is named otherwise. */
  readonly key?: string;
}

interface EventType {
  readonly description: string;
  readonly payload: z.ZodType;
  readonly fields: Readonly<Record<string, EventField>>;
}

const text = z.string();
const present = z.unknown().refine((value) => value !== undefined, 'is required');
const notNull = z.unknown().refine((value) => value !== null, 'must not be null');
const object = z.custom<object>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
);

/** What AG-UI allows on every event. */
const base = {
  timestamp: z.int().optional(),
  rawEvent: notNull.optional(),
  metadata: object.optional(),
  subagentRunId: text.optional(),
};
const payload = <Shape extends z.ZodRawShape>(shape: Shape) => z.looseObject({ ...base, ...shape });

const usage = z.array(z.looseObject({})).optional();
const interrupt = z.looseObject({
  id: text,
  reason: text,
  message: text.optional(),
  toolCallId: text.optional(),
  expiresAt: text.optional(),
});
const outcome = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('success'), pendingToolCallIds: z.array(text).optional() }),
  z.looseObject({ type: z.literal('interrupt'), interrupts: z.array(interrupt).min(1) }),
  z.looseObject({ type: z.literal('cancelled') }),
]);
const message = z.looseObject({
  id: text,
  role: z.enum(['developer', 'system', 'assistant', 'user', 'tool', 'activity', 'reasoning']),
});
const speaker = z.enum(['developer', 'system', 'assistant', 'user']);

const messageId = { type: 'ID', description: 'The message that this belongs to.' } as const;
const toolCallId = { type: 'ID', description: 'The tool call that this belongs to.' } as const;
const stepName = { type: 'String', description: 'The step’s name.' } as const;
const delta = (what: string) =>
  ({ type: 'String', description: `The next piece of ${what}; append it to what came before.` }) as const;
const subagentRunId = { type: 'ID', description: 'The subagent’s invocation.' } as const;
const threadId = { type: 'ID', description: 'The conversation that the run belongs to.' } as const;
const operations = (what: string) =>
  ({ type: 'JSON', description: `The changes to ${what}: a JSON Patch (RFC 6902).` }) as const;

export const EVENT_TYPES = {
  RUN_STARTED: {
    description:
      'The run left the queue. Always the first event of a log; written by the first append where the agent does not write it.',
    payload: payload({ threadId: text.optional(), runId: text.optional(), parentRunId: text.optional() }),
    fields: { threadId, parentRunId: { type: 'ID', description: 'The run that this one continues or serves.' } },
  },
  RUN_FINISHED: {
    description:
      'The run ended without failing; `outcome.type` says how: success, interrupt (a new run answers it) or cancelled. Terminal.',
    payload: payload({
      threadId: text.optional(),
      runId: text.optional(),
      result: notNull.optional(),
      outcome: outcome.optional(),
      usage,
    }),
    fields: {
      threadId,
      result: { type: 'JSON', description: 'What the run produced.' },
      outcome: {
        type: 'JSON',
        description: 'How it ended: an object with `type` success, interrupt or cancelled. Absent means success.',
      },
    },
  },
  RUN_ERROR: {
    description: 'The run failed. Terminal.',
    payload: payload({ message: text, code: text.optional(), usage }),
    fields: {
      message: { type: 'String', description: 'What went wrong, for a person.' },
      code: { type: 'String', description: 'What went wrong, for a program.' },
    },
  },
  STEP_STARTED: {
    description: 'A named step of the run began.',
    payload: payload({ stepName: text }),
    fields: { stepName },
  },
  STEP_FINISHED: {
    description: 'A named step of the run ended.',
    payload: payload({ stepName: text }),
    fields: { stepName },
  },
  TEXT_MESSAGE_START: {
    description: 'A text message begins; its text follows in pieces.',
    payload: payload({ messageId: text, role: speaker.optional(), name: text.optional() }),
    fields: {
      messageId,
      role: { type: 'String', description: 'Who speaks: developer, system, assistant or user; assistant when absent.' },
    },
  },
  TEXT_MESSAGE_CONTENT: {
    description: 'The next piece of a text message.',
    payload: payload({ messageId: text, delta: text }),
    fields: { messageId, delta: delta('the text') },
  },
  TEXT_MESSAGE_END: {
    description: 'A text message is complete.',
    payload: payload({ messageId: text }),
    fields: { messageId },
  },
  TEXT_MESSAGE_CHUNK: {
    description:
      'Start, content and end of a text message in one, for producers that do not know where a message begins.',
    payload: payload({
      messageId: text.optional(),
      role: speaker.optional(),
      delta: text.optional(),
      name: text.optional(),
    }),
    fields: {
      messageId,
      role: { type: 'String', description: 'Who speaks, where it is said.' },
      delta: delta('the text'),
    },
  },
  TOOL_CALL_START: {
    description: 'The agent calls a tool; the arguments follow in pieces.',
    payload: payload({ toolCallId: text, toolCallName: text, parentMessageId: text.optional() }),
    fields: {
      toolCallId,
      toolCallName: { type: 'String', description: 'The tool’s name.' },
      parentMessageId: { type: 'ID', description: 'The message that made the call.' },
    },
  },
  TOOL_CALL_ARGS: {
    description: 'The next piece of a tool call’s arguments, which together are JSON.',
    payload: payload({ toolCallId: text, delta: text }),
    fields: { toolCallId, delta: delta('the arguments') },
  },
  TOOL_CALL_END: {
    description: 'The arguments of a tool call are complete.',
    payload: payload({ toolCallId: text }),
    fields: { toolCallId },
  },
  TOOL_CALL_CHUNK: {
    description: 'Start, arguments and end of a tool call in one.',
    payload: payload({
      toolCallId: text.optional(),
      toolCallName: text.optional(),
      parentMessageId: text.optional(),
      delta: text.optional(),
    }),
    fields: {
      toolCallId,
      toolCallName: { type: 'String', description: 'The tool’s name.' },
      delta: delta('the arguments'),
    },
  },
  TOOL_CALL_RESULT: {
    description: 'What a tool returned.',
    payload: payload({
      messageId: text,
      toolCallId: text,
      content: z.union([text, z.array(z.looseObject({ type: text }))]),
      role: z.literal('tool').optional(),
    }),
    fields: {
      messageId,
      toolCallId,
      content: { type: 'JSON', description: 'The result: a text, or a list of typed parts.' },
    },
  },
  STATE_SNAPSHOT: {
    description: 'Replaces the run’s state as a whole.',
    payload: payload({ snapshot: present }),
    fields: { snapshot: { type: 'JSON', description: 'The new state.' } },
  },
  STATE_DELTA: {
    description: 'Changes the run’s state. A patch that does not apply to the present state is refused.',
    payload: payload({ delta: JSON_PATCH }),
    fields: { patch: { ...operations('the state'), key: 'delta' } },
  },
  MESSAGES_SNAPSHOT: {
    description: 'The conversation’s messages as a whole, in order.',
    payload: payload({ messages: z.array(message) }),
    fields: { messages: { type: 'JSON', description: 'The messages, each with `id` and `role`.' } },
  },
  ACTIVITY_SNAPSHOT: {
    description: 'Structured progress that is not conversation, such as a plan or a search, as a whole.',
    payload: payload({ messageId: text, activityType: text, content: object, replace: z.boolean().optional() }),
    fields: {
      messageId,
      activityType: { type: 'String', description: 'What kind of activity, such as PLAN.' },
      content: { type: 'JSON', description: 'The activity’s content.' },
      replace: {
        type: 'Boolean',
        description: 'Whether it replaces what was shown under this message id; true when absent.',
      },
    },
  },
  ACTIVITY_DELTA: {
    description: 'Changes an activity’s content.',
    payload: payload({ messageId: text, activityType: text, patch: JSON_PATCH }),
    fields: {
      messageId,
      activityType: { type: 'String', description: 'What kind of activity.' },
      patch: operations('the activity’s content'),
    },
  },
  REASONING_START: {
    description: 'A span of reasoning begins.',
    payload: payload({ messageId: text }),
    fields: { messageId },
  },
  REASONING_MESSAGE_START: {
    description: 'A reasoning message begins.',
    payload: payload({ messageId: text, role: z.literal('reasoning') }),
    fields: { messageId },
  },
  REASONING_MESSAGE_CONTENT: {
    description: 'The next piece of a reasoning message.',
    payload: payload({ messageId: text, delta: text }),
    fields: { messageId, delta: delta('the reasoning') },
  },
  REASONING_MESSAGE_END: {
    description: 'A reasoning message is complete.',
    payload: payload({ messageId: text }),
    fields: { messageId },
  },
  REASONING_MESSAGE_CHUNK: {
    description: 'Start, content and end of a reasoning message in one.',
    payload: payload({ messageId: text.optional(), delta: text.optional() }),
    fields: { messageId, delta: delta('the reasoning') },
  },
  REASONING_END: {
    description: 'A span of reasoning ends.',
    payload: payload({ messageId: text }),
    fields: { messageId },
  },
  REASONING_ENCRYPTED_VALUE: {
    description: 'A provider’s encrypted reasoning, to be stored and returned unread.',
    payload: payload({ subtype: z.enum(['tool-call', 'message']), entityId: text, encryptedValue: text }),
    fields: {
      subtype: { type: 'String', description: 'What it belongs to: `tool-call` or `message`.' },
      encryptedValue: { type: 'String', description: 'The opaque value.' },
    },
  },
  SUBAGENT_STARTED: {
    description: 'A subagent’s invocation began; its events carry `subagentRunId`.',
    payload: payload({
      subagentRunId: text,
      name: text,
      description: text.optional(),
      parentSubagentRunId: text.optional(),
      parentToolCallId: text.optional(),
      parentMessageId: text.optional(),
    }),
    fields: { subagentRunId, name: { type: 'String', description: 'The subagent’s name.' } },
  },
  SUBAGENT_FINISHED: {
    description: 'A subagent’s part of this run ended, by completing or by being suspended.',
    payload: payload({
      subagentRunId: text,
      result: notNull.optional(),
      outcome: z.looseObject({ type: z.enum(['success', 'suspended']) }).optional(),
    }),
    fields: { subagentRunId, result: { type: 'JSON', description: 'What the subagent produced.' } },
  },
  SUBAGENT_ERROR: {
    description: 'A subagent failed; the run itself may go on.',
    payload: payload({ subagentRunId: text, message: text, code: text.optional() }),
    fields: {
      subagentRunId,
      message: { type: 'String', description: 'What went wrong, for a person.' },
      code: { type: 'String', description: 'What went wrong, for a program.' },
    },
  },
  ARTIFACT_CREATED: {
    description:
      'The run made an artifact: a file that outlives it. Not part of AG-UI, whose clients see it as CUSTOM.',
    payload: payload({ artifactId: z.string().regex(/^art_[a-z0-9]{1,40}$/, 'must be an artifact’s id') }),
    fields: { artifactId: { type: 'ID', description: 'The artifact’s id.' } },
  },
  RAW: {
    description: 'A provider’s own event, untranslated.',
    payload: payload({ event: present, source: text.optional() }),
    fields: {
      event: { type: 'JSON', description: 'The event as the provider sent it.' },
      source: { type: 'String', description: 'The provider.' },
    },
  },
  CUSTOM: {
    description: 'An application’s own event.',
    payload: payload({ name: text, value: present }),
    fields: {
      name: { type: 'String', description: 'The event’s name within the application.' },
      value: { type: 'JSON', description: 'Its value.' },
    },
  },
} as const satisfies Record<string, EventType>;

export type RunEventType = keyof typeof EVENT_TYPES;
export const RUN_EVENT_TYPES = Object.keys(EVENT_TYPES) as RunEventType[];

/** Types that end a log: exactly one event of them, the last. */
export const isTerminal = (type: string): boolean => type === 'RUN_FINISHED' || type === 'RUN_ERROR';

/** The GraphQL type of an event type: `TEXT_MESSAGE_CONTENT` → `TextMessageContentEvent`. */
export const graphqlTypeName = (type: string): string =>
  `${type.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Event`;
