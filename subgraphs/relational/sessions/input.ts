/** What may be said of sessions and their messages, checked before a store is touched. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { estimateTokens } from '#subgraphs/shared/tokens.ts';
import { RELATIONAL } from '../bounds.ts';
import { jsonObject } from '../documents/input.ts';
import type { MessageRole, NewMessage } from '../driver.ts';
import { checkText, optionalText } from '../input.ts';

export interface MessageInput {
  role: MessageRole;
  content?: string | null;
  name?: string | null;
  toolCalls?: JsonValue | null;
  toolCallId?: string | null;
  metadata?: JsonValue | null;
}

/**
 * Checks the messages of one append.
 * @throws CodedError `BAD_USER_INPUT` that names the message at fault
 */
export function checkMessages(inputs: readonly MessageInput[]): NewMessage[] {
  if (inputs.length === 0) throw badUserInput('`messages` must not be empty.');
  if (inputs.length > RELATIONAL.messages)
    throw badUserInput(`\`messages\` has ${inputs.length} items; at most ${RELATIONAL.messages} are accepted.`, {
      hint: 'Append them in several calls.',
    });
  const checked = inputs.map((input, index) => ({ ...checkMessage(input, `messages[${index}]`), tokens: 0 }));
  const bytes = checked.reduce((sum, message) => sum + Buffer.byteLength(writeJson(message)), 0);
  if (bytes > RELATIONAL.messagesBytes)
    throw badUserInput(`\`messages\` has ${bytes} bytes; at most ${RELATIONAL.messagesBytes} are accepted.`, {
      hint: 'Append them in several calls.',
    });
  // Behind the bounds: it reads each text.
  return checked.map((message) => ({ ...message, tokens: tokensOf(message) }));
}

/** An estimate of what a message takes of a model's context. */
export const tokensOf = ({ content, name, toolCalls }: Pick<NewMessage, 'content' | 'name' | 'toolCalls'>): number =>
  RELATIONAL.messageFrameTokens +
  estimateTokens(content) +
  (name === null ? 0 : estimateTokens(name)) +
  (toolCalls === null ? 0 : estimateTokens(writeJson(toolCalls)));

function checkMessage(
  { role, content, name, toolCalls = null, toolCallId, metadata }: MessageInput,
  at: string,
): Omit<NewMessage, 'tokens'> {
  if (toolCalls !== null && !Array.isArray(toolCalls)) throw badUserInput(`\`${at}.toolCalls\` must be a JSON list.`);
  if (toolCalls !== null && role !== 'ASSISTANT')
    throw badUserInput(`\`${at}.toolCalls\` is of the role ASSISTANT, not of ${role}.`);
  if (toolCallId != null && role !== 'TOOL')
    throw badUserInput(`\`${at}.toolCallId\` is of the role TOOL, not of ${role}.`);
  return {
    role,
    content: checkText(`${at}.content`, content ?? '', { max: RELATIONAL.messageCharacters, blank: true }),
    name: optionalText(`${at}.name`, name, RELATIONAL.nameCharacters),
    toolCalls,
    toolCallId: optionalText(`${at}.toolCallId`, toolCallId, RELATIONAL.nameCharacters),
    metadata: jsonObject(`${at}.metadata`, metadata),
  };
}

/** @throws CodedError `BAD_USER_INPUT` */
export const checkIdempotencyKey = (key: string | null | undefined): string | null =>
  key == null ? null : checkText('idempotencyKey', key, { max: RELATIONAL.idempotencyCharacters });
