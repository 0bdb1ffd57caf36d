/**
 * What a server has been found not to know. OpenAI's protocol grows, and those who speak it refuse what they do not
 * know of it (422 by FastAPI, 400 by others): such a request has not been worked on, so it alone is sent again, without
 * the field or under its other name, and the server is not asked that way again.
 */
import type { APIError } from 'openai';
import { refusalIn } from './errors.ts';

export type Body = Readonly<Record<string, unknown>>;

/** Fields that a request can do without, or that have another name; what the caller asked for is not among them. */
const OPTIONAL: Readonly<Record<string, { readonly named: RegExp; readonly otherwise?: string }>> = {
  stream_options: { named: /stream_options|include_usage/ },
  encoding_format: { named: /encoding_format/ },
  // Refused for models that were not trained for it, too; the vector is cut here then.
  dimensions: { named: /\bdimensions?\b|matryoshka/i },
  // What compatible servers know; OpenAI's newer models know the other name only.
  max_tokens: { named: /max_completion_tokens/, otherwise: 'max_completion_tokens' },
};

export class Accommodation {
  readonly #unknown = new Set<string>();

  /**
   * Sends `body` by `send`, as much of it as the server knows.
   * @param alsoOptional further fields that the request can do without
   */
  async send<T>(body: Body, send: (body: Body) => Promise<T>, alsoOptional: readonly string[] = []): Promise<T> {
    // What a caller asked for is sent all the same: he is to be told that it is not known.
    const left = new Set([...this.#unknown].filter((field) => field in OPTIONAL || alsoOptional.includes(field)));
    for (;;) {
      const sent = without(body, left);
      try {
        const answer = await send(sent);
        for (const field of left) this.#unknown.add(field);
        return answer;
      } catch (error) {
        const refused = refusedField(error as APIError, sent, alsoOptional);
        if (refused === undefined) throw error;
        left.add(refused);
      }
    }
  }
}

function without(body: Body, fields: ReadonlySet<string>): Body {
  const kept: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(body)) {
    if (!fields.has(field)) kept[field] = value;
    else if (OPTIONAL[field]?.otherwise !== undefined) kept[OPTIONAL[field].otherwise] = value;
  }
  return kept;
}

/** The field of `sent` that the server refused the request for, if it can be done without. */
function refusedField(error: APIError, sent: Body, alsoOptional: readonly string[]): string | undefined {
  const refusal = refusalIn(error);
  if (!refusal || (refusal.status !== 400 && refusal.status !== 422)) return undefined;
  const optional = Object.keys(sent).filter((field) => field in OPTIONAL || alsoOptional.includes(field));
  const named = optional.find((field) =>
    (OPTIONAL[field]?.named ?? new RegExp(`\\b${field}\\b`)).test(refusal.message),
  );
  // FastAPI refuses a body for its fields alone; where the sentence is missing, the newest field is the likeliest.
  if (named !== undefined || refusal.status !== 422 || refusal.message !== '') return named;
  return optional.find((field) => OPTIONAL[field]?.otherwise === undefined);
}
