/**
 * What an OpenAI-compatible server says when it refuses, in whichever dialect: `{error: {…}}` (OpenAI, LiteLLM, Ollama,
 * llama.cpp, newer vLLM), `{object: "error", message}` (older vLLM, Mistral), `{message: {detail: […]}}` (Mistral),
 * `{detail}` (FastAPI), `{error: "…", error_type}` and `{message, type, code}` (TEI), `{error_code, message}`
 * (Databricks), `[{error}]` (Gemini). Comes with an HTTP status, in a body of status 200, or inside a stream.
 */
import { INFERENCE } from '../../bounds.ts';
import { excessOf, type Excess } from './excess.ts';

export interface Refusal {
  /** The server's own words, on one line; empty where it says nothing that a person could read. */
  readonly message: string;
  /** The HTTP status, or the one that the body names where HTTP's was 200. */
  readonly status: number;
  /** What the server calls it (`type` and `code`), for telling refusals apart. */
  readonly kind: string;
  /** Set where the input was too long, or there was too much of it in one request. */
  readonly excess: Excess | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The refusal in `body`: parsed JSON, or the text of an answer that is none.
 * @param status HTTP's status; with 200, undefined is returned for a body that is no refusal
 */
export function refusalOf(body: unknown, status: number): Refusal | undefined {
  const found = unwrap(body);
  if (status < 400 && !found) return undefined;
  const { message, fields } = found ?? { message: textOf(body), fields: {} };
  const kind = [fields.type, fields.code, fields.error_type, fields.error_code]
    .filter((value) => typeof value === 'string')
    .join(' ');
  const said = withoutTraceback(message)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\b(?:sk|hf|gsk|dapi|key)[-_][\w*.-]{6,}/g, '[key]')
    .slice(0, INFERENCE.refusalCharacters);
  const named = status < 400 ? (statusIn(fields) ?? statusOfKind(kind || (RATE.exec(said)?.[0] ?? ''))) : status;
  const meant = MEANT.find(([pattern]) => pattern.test(`${kind} ${said}`))?.[1];
  return { message: said, status: meant ?? named, kind, excess: excessOf(said, kind, named, fields) };
}

/** What LiteLLM says with 400 or 500 that has a status of its own: a key that it does not know, a model, a path. */
const MEANT: readonly (readonly [RegExp, number])[] = [
  [/\bno_db_connection\b/i, 401],
  [/\binvalid model name passed in\b/i, 404],
  [/\bunsupported provider\b/i, 501],
];

/** LiteLLM tells its callers where in its code it failed. */
const withoutTraceback = (message: string): string => {
  const at = message.indexOf('Traceback (most recent call last)');
  return at < 0 ? message : message.slice(0, at);
};

/** The part of a body that is a refusal; undefined for an answer. */
function unwrap(body: unknown): { message: string; fields: Fields } | undefined {
  if (Array.isArray(body)) return unwrap(body[0]);
  if (typeof body !== 'object' || body === null) return undefined;
  const fields = body as Fields;
  const { error } = fields;
  if (typeof error === 'string' && error !== '') return { message: error, fields };
  if (typeof error === 'object' && error !== null)
    return {
      message: wordsOf((error as Fields).message ?? (error as Fields).detail ?? error),
      fields: error as Fields,
    };
  const ofChoice = (fields.choices as readonly (Fields | null)[] | undefined)?.[0]?.error;
  // OpenRouter's, where the provider behind it fails.
  if (typeof ofChoice === 'object' && ofChoice !== null) return unwrap({ error: ofChoice });
  // An answer may have a message of its own; it then has what was asked for, too.
  if ('choices' in fields || 'data' in fields || 'results' in fields || 'embeddings' in fields) return undefined;
  const words = fields.message ?? fields.detail ?? (fields.object === 'error' ? fields : undefined);
  return words === undefined || words === null ? undefined : { message: wordsOf(words), fields };
}

/** The words in a message: a text, a text of JSON (Databricks), FastAPI's list of faults, or an object around them. */
function wordsOf(value: unknown, depth = 0): string {
  if (typeof value === 'string') {
    // LiteLLM's, of an object of Python.
    const said = /^(?:\d{3}: )?\{'error': '(.*)'\}$/s.exec(value)?.[1];
    if (said !== undefined) return said;
    if (depth > 3 || !/^\s*\{/.test(value)) return value;
    try {
      const inner = unwrap(JSON.parse(value) as unknown);
      return inner && inner.message !== '' ? inner.message : value;
    } catch {
      return value; // It only looked like JSON.
    }
  }
  if (depth > 3 || typeof value !== 'object' || value === null) return value === undefined ? '' : String(value);
  if (Array.isArray(value))
    return value
      .slice(0, 5)
      .map((item) => faultOf(item, depth))
      .join('; ');
  const { message, detail, msg } = value as Fields;
  const words = message ?? detail ?? msg;
  return words === undefined ? JSON.stringify(value) : wordsOf(words, depth + 1);
}

/** One of FastAPI's faults, `{loc: ["body", "encoding_format"], msg: "Extra inputs are not permitted"}`, as a sentence. */
function faultOf(item: unknown, depth: number): string {
  const { loc, msg } = (typeof item === 'object' && item !== null ? item : {}) as Fields;
  if (typeof msg !== 'string') return wordsOf(item, depth + 1);
  return Array.isArray(loc) ? `${loc.filter((part) => part !== 'body').join('.')}: ${msg}` : msg;
}

/** The text of an answer that is no JSON; a page of HTML (a proxy's) says nothing to a caller. */
const textOf = (body: unknown): string => (typeof body !== 'string' || /^\s*</.test(body) ? '' : body);

/** A status in the body: a number, or a text of one (LiteLLM). */
function statusIn({ status, status_code, code }: Fields): number | undefined {
  const number = [status_code, status, code].map(Number).find((value) => value >= 400 && value < 600);
  return number === undefined ? undefined : Math.trunc(number);
}

const KINDS: readonly [readonly [RegExp, number], ...(readonly [RegExp, number])[]] = [
  [/rate.?limit|quota|budget|too.?many|throttl|resource.?exhausted/i, 429],
  [/auth|permission|forbidden|api.?key/i, 401],
  [/not.?found/i, 404],
  [/time.?out/i, 504],
  [/overload|unavailable/i, 503],
  [/invalid|bad.?request|validation|unprocessable|context|length/i, 400],
];

/** Looked for in the words, too, of a server that names no kind; others of its words may mean anything. */
const [[RATE]] = KINDS;

/** The status that a kind of error has elsewhere; 500 for one that is unknown. */
const statusOfKind = (kind: string): number => KINDS.find(([pattern]) => pattern.test(kind))?.[1] ?? 500;
