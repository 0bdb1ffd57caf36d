/** The parts of a run's log (AG-UI 1.0): which event begins, continues and ends which, and what they are called. */
import type { JsonValue } from '#subgraphs/shared/json.ts';
import type { RunEventType } from './event-types.ts';

export type Kind = 'TEXT' | 'TOOL_CALL' | 'REASONING_MESSAGE' | 'REASONING' | 'STEP' | 'SUBAGENT';

export interface Place {
  readonly kind: Kind;
  /** The payload's key of the part's id. */
  readonly key: string;
}

const place = (kind: Kind, key: string): Place => ({ kind, key });

export const BEGINS: Partial<Record<RunEventType, Place>> = {
  TEXT_MESSAGE_START: place('TEXT', 'messageId'),
  TOOL_CALL_START: place('TOOL_CALL', 'toolCallId'),
  REASONING_MESSAGE_START: place('REASONING_MESSAGE', 'messageId'),
  REASONING_START: place('REASONING', 'messageId'),
  STEP_STARTED: place('STEP', 'stepName'),
  SUBAGENT_STARTED: place('SUBAGENT', 'subagentRunId'),
};
export const CONTINUES: Partial<Record<RunEventType, Place>> = {
  TEXT_MESSAGE_CONTENT: place('TEXT', 'messageId'),
  TOOL_CALL_ARGS: place('TOOL_CALL', 'toolCallId'),
  REASONING_MESSAGE_CONTENT: place('REASONING_MESSAGE', 'messageId'),
};
export const ENDS: Partial<Record<RunEventType, Place>> = {
  TEXT_MESSAGE_END: place('TEXT', 'messageId'),
  TOOL_CALL_END: place('TOOL_CALL', 'toolCallId'),
  REASONING_MESSAGE_END: place('REASONING_MESSAGE', 'messageId'),
  REASONING_END: place('REASONING', 'messageId'),
  STEP_FINISHED: place('STEP', 'stepName'),
  SUBAGENT_FINISHED: place('SUBAGENT', 'subagentRunId'),
  SUBAGENT_ERROR: place('SUBAGENT', 'subagentRunId'),
};
export const CHUNKS: Partial<Record<RunEventType, Place>> = {
  TEXT_MESSAGE_CHUNK: place('TEXT', 'messageId'),
  TOOL_CALL_CHUNK: place('TOOL_CALL', 'toolCallId'),
  REASONING_MESSAGE_CHUNK: place('REASONING_MESSAGE', 'messageId'),
};
/** What CHUNKs of one part must agree in, with what a first one says that does not name it. */
export const AGREED: Readonly<Partial<Record<Kind, readonly { field: string; otherwise?: string }[]>>> = {
  TEXT: [{ field: 'role', otherwise: 'assistant' }, { field: 'name' }],
  TOOL_CALL: [{ field: 'toolCallName' }, { field: 'parentMessageId' }],
};
/** Types between which a part made of CHUNKs goes on. */
export const BESIDE_CHUNKS: ReadonlySet<RunEventType> = new Set([
  'RAW',
  'ACTIVITY_SNAPSHOT',
  'ACTIVITY_DELTA',
  'REASONING_ENCRYPTED_VALUE',
  'SUBAGENT_STARTED',
]);
export const ENDS_ALL_CHUNKS: ReadonlySet<RunEventType> = new Set([
  'RUN_STARTED',
  'RUN_FINISHED',
  'RUN_ERROR',
  'MESSAGES_SNAPSHOT',
]);
/** What begins a part whose first event is a piece of it, where that can be known. */
export const OPENERS: Partial<Record<Kind, { type: RunEventType; payload: { [key: string]: JsonValue } }>> = {
  TEXT: { type: 'TEXT_MESSAGE_START', payload: { role: 'assistant' } },
  REASONING_MESSAGE: { type: 'REASONING_MESSAGE_START', payload: { role: 'reasoning' } },
};
export const CLOSERS: Readonly<Record<Kind, { type: RunEventType; key: string }>> = {
  TEXT: { type: 'TEXT_MESSAGE_END', key: 'messageId' },
  TOOL_CALL: { type: 'TOOL_CALL_END', key: 'toolCallId' },
  REASONING_MESSAGE: { type: 'REASONING_MESSAGE_END', key: 'messageId' },
  REASONING: { type: 'REASONING_END', key: 'messageId' },
  STEP: { type: 'STEP_FINISHED', key: 'stepName' },
  SUBAGENT: { type: 'SUBAGENT_FINISHED', key: 'subagentRunId' },
};
export const NAMES: Readonly<Record<Kind, string>> = {
  TEXT: 'text message',
  TOOL_CALL: 'tool call',
  REASONING_MESSAGE: 'reasoning message',
  REASONING: 'span of reasoning',
  STEP: 'step',
  SUBAGENT: 'subagent',
};

/** Types that begin, continue or end something: what `EventOrder` must have seen of a log. */
export const ORDERED_TYPES: readonly RunEventType[] = [
  ...[BEGINS, ENDS, CHUNKS].flatMap((places) => Object.keys(places) as RunEventType[]),
  'ACTIVITY_SNAPSHOT',
  'TOOL_CALL_RESULT',
];
