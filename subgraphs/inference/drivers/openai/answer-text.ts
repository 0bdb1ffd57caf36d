/**
 * The text of a chat answer, and the reasoning beside it, in whichever form a server gives them: a text, a list of parts
 * (`text`, `thinking`, `reasoning`, `refusal`: Mistral, Databricks), a field of its own (`reasoning_content`: vLLM,
 * LiteLLM, llama.cpp; `reasoning`: Ollama, newer vLLM), or marks within the text.
 */

export interface AnswerText {
  readonly text: string;
  /** What the model thought before it answered; empty where it says nothing of it. */
  readonly reasoning: string;
  /** Whether the text is the model's refusal to answer. */
  readonly refused: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a message, or a piece of one, holds. Marks within the text are not looked for; see {@link ReasoningMarks}. */
export function answerTextOf(message: unknown): AnswerText {
  const { content, reasoning_content, reasoning, refusal } = (message ?? {}) as Fields;
  const parts = Array.isArray(content) ? content : [content];
  let text = '';
  let thought = textOf(reasoning_content) || textOf(reasoning);
  let refusing = textOf(refusal);
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    if (typeof part !== 'object' || part === null) continue;
    const fields = part as Fields;
    switch (fields.type) {
      case 'text':
      case 'output_text':
        text += textOf(fields.text);
        break;
      case 'thinking':
        thought += textOf(fields.thinking);
        break;
      case 'reasoning':
        thought += textOf(fields.summary) || textOf(fields.text);
        break;
      case 'refusal':
        refusing += textOf(fields.refusal);
        break;
      default: // A part that is no text, such as an image.
    }
  }
  // A model that refuses says so instead of an answer.
  return { text: text === '' ? refusing : text, reasoning: thought, refused: text === '' && refusing !== '' };
}

/** A text, or the texts of a list of parts. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  return value.map((part) => textOf(typeof part === 'object' && part !== null ? (part as Fields).text : part)).join('');
}

const MARKS = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'], // Gemini
  ['<seed:think>', '</seed:think>'],
  ['[THINK]', '[/THINK]'],
] as const;

/**
 * Tells reasoning from answer where a server leaves the model's marks in the text, as it does without a reasoning
 * parser. The marks count at the start of the answer only; a text that speaks of them later is an answer. They may come
 * in pieces.
 */
export class ReasoningMarks {
  #state: 'start' | 'reasoning' | 'after' | 'answer' = 'start';
  #closing = '';
  /** What may be the start of a mark. */
  #held = '';

  /** What `piece` adds to the answer and to the reasoning; some of it may be held back until the next one. */
  push(piece: string): { text: string; reasoning: string } {
    if (this.#state === 'answer') return { text: piece, reasoning: '' };
    this.#held += piece;
    if (this.#state === 'start' && !this.#begin()) return this.#state === 'start' ? NOTHING : this.#answer();
    let reasoning = '';
    if (this.#state === 'reasoning') {
      const end = this.#held.indexOf(this.#closing);
      const known = end >= 0 ? end : this.#held.length - overlap(this.#held, this.#closing);
      reasoning = this.#held.slice(0, known);
      this.#held = this.#held.slice(end >= 0 ? end + this.#closing.length : known);
      if (end < 0) return { text: '', reasoning };
      this.#state = 'after';
    }
    // The answer begins behind the empty lines after the mark.
    this.#held = this.#held.trimStart();
    return this.#held === '' ? { text: '', reasoning } : { ...this.#answer(), reasoning };
  }

  /** What was held back, when the answer is complete. */
  end(): { text: string; reasoning: string } {
    const rest = this.#held;
    this.#held = '';
    return this.#state === 'reasoning' ? { text: '', reasoning: rest } : { text: rest, reasoning: '' };
  }

  /** Looks for an opening mark; false where there is none, or none yet. */
  #begin(): boolean {
    const start = this.#held.trimStart();
    for (const [opening, closing] of MARKS) {
      if (start.startsWith(opening)) {
        this.#state = 'reasoning';
        this.#closing = closing;
        this.#held = start.slice(opening.length);
        return true;
      }
    }
    if (!MARKS.some(([opening]) => opening.startsWith(start))) this.#state = 'answer';
    return false;
  }

  #answer(): { text: string; reasoning: string } {
    this.#state = 'answer';
    const text = this.#held;
    this.#held = '';
    return { text, reasoning: '' };
  }
}

const NOTHING = { text: '', reasoning: '' } as const;

/** How many characters at the end of `text` may be the start of `mark`. */
function overlap(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--)
    if (mark.startsWith(text.slice(-length))) return length;
  return 0;
}

/** A whole answer with its marks, if any, taken apart. */
export function withoutMarks(answer: AnswerText): AnswerText {
  if (answer.refused) return answer;
  const marks = new ReasoningMarks();
  const parts = [marks.push(answer.text), marks.end()];
  let text = parts.map((part) => part.text).join('');
  let reasoning = answer.reasoning + parts.map((part) => part.reasoning).join('');
  // Some templates begin the model's reasoning themselves, so that only its end is in the answer.
  for (const [opening, closing] of MARKS) {
    const end = text.indexOf(closing);
    if (end < 0 || text.slice(0, end).includes(opening)) continue;
    reasoning += text.slice(0, end);
    text = text.slice(end + closing.length).trimStart();
  }
  return { text, reasoning: reasoning.trim(), refused: false };
}
