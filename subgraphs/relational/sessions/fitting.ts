/** What of a session's newest messages fits a model, where one of them alone is too large for it. */
import { estimateTokens, MOST_UNITS_PER_TOKEN } from '#subgraphs/shared/tokens.ts';
import { RELATIONAL } from '../bounds.ts';
import type { MessageParts, MessageRow } from '../driver.ts';
import { tokensOf } from './input.ts';

/** A message as a model is told it. */
export interface ToldMessage {
  readonly message: MessageRow;
  /** The beginning of what it says, and a mark; undefined where it is whole. */
  readonly cut?: string;
  /** What it takes so. */
  readonly tokens: number;
}

/** What a message that is larger than a whole context is taken for: then there is room for others, such as the call that it answers. */
export const largeIn = (maxTokens: number): number => Math.floor(maxTokens / RELATIONAL.contextLarge);

/**
 * Cuts what is larger than the whole to its part and to what is left, and the newest where it alone has no room.
 * @param messages as the driver has found them, in order
 * @param room tokens for all of them
 * @param partsOf what one says; null where it is there no more
 * @returns in order, without those from the newest on that cannot be cut so far
 */
export async function fitted(
  messages: readonly MessageRow[],
  { room, maxTokens }: { readonly room: number; readonly maxTokens: number },
  partsOf: (message: MessageRow) => Promise<MessageParts | null>,
): Promise<ToldMessage[]> {
  const isLarge = ({ tokens }: MessageRow): boolean => tokens > maxTokens;
  const large = messages.filter(isLarge).length;
  const taken = messages.reduce((sum, each) => sum + (isLarge(each) ? largeIn(maxTokens) : each.tokens), 0);
  const part = largeIn(maxTokens) + Math.max(0, Math.floor((room - taken) / Math.max(large, 1)));
  const told: ToldMessage[] = [];
  let left = room;
  for (const message of messages.toReversed()) {
    const most = Math.min(left, isLarge(message) ? part : message.tokens);
    const parts = message.tokens <= most ? null : await partsOf(message);
    let fit = message.tokens <= most ? { message, tokens: message.tokens } : cut(message, parts, most);
    // Among many that are large a part may hold no more than the mark: the newest has all the room, then.
    if (fit === undefined && told.length === 0) fit = cut(message, parts, left);
    if (fit === undefined) break;
    told.push(fit);
    left -= fit.tokens;
  }
  return told.reverse();
}

function cut(message: MessageRow, parts: MessageParts | null, most: number): ToldMessage | undefined {
  if (parts === null) return undefined;
  const { content, toolCalls } = parts;
  const mark = (kept: number): string =>
    `\n… [cut: the first ${kept.toLocaleString('en')} of ${content.length.toLocaleString('en')} characters]`;
  const around = tokensOf({ content: mark(content.length), name: message.name, toolCalls });
  // The most of its beginning that fits, by halves: whatever the estimate does between them, what is kept has been estimated.
  let [kept, beyond] = [0, Math.min(content.length, Math.max(0, most - around) * MOST_UNITS_PER_TOKEN) + 1];
  while (beyond - kept > 1) {
    const middle = (kept + beyond) >> 1;
    if (estimateTokens(content.slice(0, middle)) <= most - around) kept = middle;
    else beyond = middle;
  }
  // Not between the halves of a pair.
  if (/[\ud800-\udbff]/.test(content[kept - 1] ?? '')) kept -= 1;
  if (kept < 1) return undefined;
  const text = content.slice(0, kept) + mark(kept);
  return { message, cut: text, tokens: Math.min(most, tokensOf({ content: text, name: message.name, toolCalls })) };
}
