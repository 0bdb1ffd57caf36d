/**
 * Calls of tools in chat completions: as requests have them, and as answers tell them, whole or in pieces. Servers leave out ids
 * (Ollama, Gemini), places (Mistral), or send arguments as an object.
 */
import { INFERENCE } from '../../bounds.ts';
import type { ChatMessage, ChatTool, ToolCall, ToolChoice } from '../../driver.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A message in the protocol's words. */
export function toMessage({ role, content, toolCalls, toolCallId }: ChatMessage): Fields {
  if (role === 'TOOL') return { role: 'tool', content, tool_call_id: toolCallId };
  if (!toolCalls || toolCalls.length === 0) return { role: role.toLowerCase(), content };
  return {
    role: role.toLowerCase(),
    content,
    tool_calls: toolCalls.map(({ id, name, arguments: given }) => ({
      id,
      type: 'function',
      function: { name, arguments: given },
    })),
  };
}

/** The part of a request that offers tools; nothing where there are none. */
export function toolFields(tools: readonly ChatTool[] | undefined, choice: ToolChoice | undefined): Fields {
  if (tools === undefined || tools.length === 0) return {};
  return {
    tools: tools.map(({ name, description, parameters }) => ({
      type: 'function',
      function: { name, ...(description == null ? {} : { description }), parameters },
    })),
    ...(choice === undefined ? {} : { tool_choice: choice.toLowerCase() }),
  };
}

/** Gathers the calls of one answer. Beyond the bound they are left out: nobody can have wanted so many. */
export class ToolCalls {
  readonly #calls: { place: unknown; id: string; name: string; arguments: string }[] = [];

  /** @param message the message, or a piece of it */
  push(message: unknown): void {
    const { tool_calls: pieces } = (message ?? {}) as Fields;
    if (!Array.isArray(pieces)) return;
    for (const piece of pieces as (Fields | null)[]) {
      if (typeof piece !== 'object' || piece === null) continue;
      const { name, arguments: given } = (piece.function ?? {}) as Fields;
      const id = text(piece.id);
      const before = this.#calls.find(({ place, id: known }) =>
        piece.index === undefined ? id !== '' && known === id : place === piece.index,
      );
      const written = typeof given === 'object' && given !== null ? JSON.stringify(given) : text(given);
      // Some number nothing and send each call whole: a name begins one.
      if (before === undefined) {
        if (this.#calls.length < INFERENCE.toolCalls)
          this.#calls.push({ place: piece.index, id, name: text(name), arguments: written });
        continue;
      }
      before.id ||= id;
      before.name ||= text(name);
      before.arguments += written;
    }
  }

  /** The calls so far, each with an id of its own. */
  get calls(): ToolCall[] {
    return this.#calls
      .filter(({ name }) => name !== '')
      .map(({ id, name, arguments: given }, at) => ({ id: id === '' ? `call_${at}` : id, name, arguments: given }));
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
