/**
 * The one table of event types: name, description, payload, and the payload's parts that GraphQL shows as typed fields.
 * Names and payloads follow AG-UI 1.0 (https://docs.ag-ui.com, `@ag-ui/core` `EventSchema`), so that its clients read
 * our streams as they are; those that are ours say so (`own`). What a payload must be is in `event-schemas.ts`.
 */

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
  /** Whether it is ours and not AG-UI's, whose clients see it as CUSTOM. @default false */
  readonly own?: boolean;
  readonly fields: Readonly<Record<string, EventField>>;
}

const messageId = { type: 'ID', description: 'The message that this belongs to.' } as const;
const toolCallId = { type: 'ID', description: 'The tool call that this belongs to.' } as const;
const stepName = { type: 'String', description: "The step's name." } as const;
const delta = (what: string) =>
  ({ type: 'String', description: `The next piece of ${what}; append it to what came before.` }) as const;
const subagentRunId = { type: 'ID', description: "The subagent's invocation." } as const;
const threadId = { type: 'ID', description: 'The conversation that the run belongs to.' } as const;
const operations = (what: string) =>
  ({ type: 'JSON', description: `The changes to ${what}: a JSON Patch (RFC 6902).` }) as const;

export const EVENT_TYPES = {
  RUN_STARTED: {
    description:
      'The run left the queue. Always the first event of a log; written by the first append where the agent does not write it.',
    fields: { threadId, parentRunId: { type: 'ID', description: 'The run that this one continues or serves.' } },
  },
  RUN_FINISHED: {
    description:
      'The run ended without failing; `outcome.type` says how: success, interrupt (a new run answers it) or cancelled. Terminal.',
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
    fields: {
      message: { type: 'String', description: 'What went wrong, for a person.' },
      code: { type: 'String', description: 'What went wrong, for a program.' },
    },
  },
  STEP_STARTED: {
    description: 'A named step of the run began.',
    fields: { stepName },
  },
  STEP_FINISHED: {
    description: 'A named step of the run ended.',
    fields: { stepName },
  },
  TEXT_MESSAGE_START: {
    description: 'A text message begins; its text follows in pieces.',
    fields: {
      messageId,
      role: { type: 'String', description: 'Who speaks: developer, system, assistant or user; assistant when absent.' },
    },
  },
  TEXT_MESSAGE_CONTENT: {
    description: 'The next piece of a text message.',
    fields: { messageId, delta: delta('the text') },
  },
  TEXT_MESSAGE_END: {
    description: 'A text message is complete.',
    fields: { messageId },
  },
  TEXT_MESSAGE_CHUNK: {
    description:
      'Start, content and end of a text message in one, for producers that do not know where a message begins.',
    fields: {
      messageId,
      role: { type: 'String', description: 'Who speaks, where it is said.' },
      delta: delta('the text'),
    },
  },
  TOOL_CALL_START: {
    description: 'The agent calls a tool; the arguments follow in pieces.',
    fields: {
      toolCallId,
      toolCallName: { type: 'String', description: "The tool's name." },
      parentMessageId: { type: 'ID', description: 'The message that made the call.' },
    },
  },
  TOOL_CALL_ARGS: {
    description: "The next piece of a tool call's arguments, which together are JSON.",
    fields: { toolCallId, delta: delta('the arguments') },
  },
  TOOL_CALL_END: {
    description: 'The arguments of a tool call are complete.',
    fields: { toolCallId },
  },
  TOOL_CALL_CHUNK: {
    description: 'Start, arguments and end of a tool call in one.',
    fields: {
      toolCallId,
      toolCallName: { type: 'String', description: "The tool's name." },
      delta: delta('the arguments'),
    },
  },
  TOOL_CALL_RESULT: {
    description: 'What a tool returned.',
    fields: {
      messageId,
      toolCallId,
      content: { type: 'JSON', description: 'The result: a text, or a list of typed parts.' },
    },
  },
  STATE_SNAPSHOT: {
    description: "Replaces the run's state as a whole.",
    fields: { snapshot: { type: 'JSON', description: 'The new state.' } },
  },
  STATE_DELTA: {
    description: "Changes the run's state. A patch that does not apply to the present state is refused.",
    fields: { patch: { ...operations('the state'), key: 'delta' } },
  },
  MESSAGES_SNAPSHOT: {
    description: "The conversation's messages as a whole, in order.",
    fields: { messages: { type: 'JSON', description: 'The messages, each with `id` and `role`.' } },
  },
  ACTIVITY_SNAPSHOT: {
    description: 'Structured progress that is not conversation, such as a plan or a search, as a whole.',
    fields: {
      messageId,
      activityType: { type: 'String', description: 'What kind of activity, such as PLAN.' },
      content: { type: 'JSON', description: "The activity's content." },
      replace: {
        type: 'Boolean',
        description: 'Whether it replaces what was shown under this message id; true when absent.',
      },
    },
  },
  ACTIVITY_DELTA: {
    description: "Changes an activity's content.",
    fields: {
      messageId,
      activityType: { type: 'String', description: 'What kind of activity.' },
      patch: operations("the activity's content"),
    },
  },
  REASONING_START: {
    description: 'A span of reasoning begins.',
    fields: { messageId },
  },
  REASONING_MESSAGE_START: {
    description: 'A reasoning message begins.',
    fields: { messageId },
  },
  REASONING_MESSAGE_CONTENT: {
    description: 'The next piece of a reasoning message.',
    fields: { messageId, delta: delta('the reasoning') },
  },
  REASONING_MESSAGE_END: {
    description: 'A reasoning message is complete.',
    fields: { messageId },
  },
  REASONING_MESSAGE_CHUNK: {
    description: 'Start, content and end of a reasoning message in one.',
    fields: { messageId, delta: delta('the reasoning') },
  },
  REASONING_END: {
    description: 'A span of reasoning ends.',
    fields: { messageId },
  },
  REASONING_ENCRYPTED_VALUE: {
    description: "A provider's encrypted reasoning, to be stored and returned unread.",
    fields: {
      subtype: { type: 'String', description: 'What it belongs to: `tool-call` or `message`.' },
      encryptedValue: { type: 'String', description: 'The opaque value.' },
    },
  },
  SUBAGENT_STARTED: {
    description: "A subagent's invocation began; its events carry `subagentRunId`.",
    fields: { subagentRunId, name: { type: 'String', description: "The subagent's name." } },
  },
  SUBAGENT_FINISHED: {
    description: "A subagent's part of this run ended, by completing or by being suspended.",
    fields: { subagentRunId, result: { type: 'JSON', description: 'What the subagent produced.' } },
  },
  SUBAGENT_ERROR: {
    description: 'A subagent failed; the run itself may go on.',
    fields: {
      subagentRunId,
      message: { type: 'String', description: 'What went wrong, for a person.' },
      code: { type: 'String', description: 'What went wrong, for a program.' },
    },
  },
  ARTIFACT_CREATED: {
    description:
      'The run made an artifact: a file that outlives it. Not part of AG-UI, whose clients see it as CUSTOM.',
    own: true,
    fields: { artifactId: { type: 'ID', description: "The artifact's id." } },
  },
  RAW: {
    description: "A provider's own event, untranslated.",
    fields: {
      event: { type: 'JSON', description: 'The event as the provider sent it.' },
      source: { type: 'String', description: 'The provider.' },
    },
  },
  CUSTOM: {
    description: "An application's own event.",
    fields: {
      name: { type: 'String', description: "The event's name within the application." },
      value: { type: 'JSON', description: 'Its value.' },
    },
  },
} as const satisfies Record<string, EventType>;

export type RunEventType = keyof typeof EVENT_TYPES;
export const RUN_EVENT_TYPES = Object.keys(EVENT_TYPES) as RunEventType[];

/** Whether a type is ours and not AG-UI's. */
export const isOwn = (type: RunEventType): boolean => (EVENT_TYPES[type] as EventType).own === true;

/** Types that end a log: exactly one event of them, the last. */
export const isTerminal = (type: string): boolean => type === 'RUN_FINISHED' || type === 'RUN_ERROR';

/** The GraphQL type of an event type: `TEXT_MESSAGE_CONTENT` → `TextMessageContentEvent`. */
export const graphqlTypeName = (type: string): string =>
  `${type.toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Event`;
