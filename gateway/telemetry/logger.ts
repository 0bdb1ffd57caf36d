/** Structured logs without secrets on standard error: one JSON object a line, or what people read on a terminal. */
import { createRequire } from 'node:module';
import { pino, type Logger } from 'pino';
import { redactApiKeys } from '#subgraphs/shared/api-key.ts';
import { withoutSecrets } from '#subgraphs/shared/kept-secrets.ts';
import { TELEMETRY } from '#gateway/bounds/telemetry.ts';
import { cutText } from './cut-text.ts';
import { escapeInvisible, onOneLine } from './one-line.ts';

export type { Logger } from 'pino';

/** Fields whose values are never written, at the top of a log entry and one or two objects down. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  '["set-cookie"]',
  'password',
  'secret',
  'token',
  'apiKey',
  'accessKey',
  'secretKey',
  'connectionParams',
  '["x-api-key"]',
];

const paths = SECRET_FIELDS.flatMap((field) => {
  const join = (parent: string) => (field.startsWith('[') ? `${parent}${field}` : `${parent}.${field}`);
  return [field, join('*'), join('*.*')];
});

/**
 * Replaces the user part of every URL in `text`, the value of every bearer token and of basic credentials, the secret of
 * every API key, and whatever this process was given as a secret.
 */
export const redactText = (text: string): string =>
  withoutSecrets(
    redactApiKeys(
      text
        .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*@/gi, '$1[redacted]@')
        .replace(/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]+/gi, '$1 [redacted]'),
    ),
  );

/** `auto` is `text` where standard error is a terminal, and `json` elsewhere. */
export type LogFormat = 'auto' | 'json' | 'text';

export interface LoggerOptions {
  /** The least level that is written; `silent` writes nothing. */
  readonly level: string;
  /** @default 'auto' */
  readonly format?: LogFormat;
  /** Where lines go. @default standard error, so that a program's own output stays readable */
  readonly destination?: { write(line: string): void; readonly isTTY?: boolean };
}

export function createLogger({ level, format = 'auto', destination = process.stderr }: LoggerOptions): Logger {
  const terminal = destination.isTTY === true;
  const written = format === 'text' || (format === 'auto' && terminal) ? readable(terminal) : (line: string) => line;
  const told = new Set<(line: string) => void>();
  const log = pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (entry) => bounded(entry, 0) as Record<string, unknown>,
      },
      redact: { paths, censor: '[redacted]' },
      serializers: { err: (error: unknown) => serializeError(error, 0) },
    },
    // Messages and stacks are free text; addresses with passwords get into them through client libraries.
    {
      write: (line: string) => {
        const safe = escapeInvisible(redactText(line));
        destination.write(written(safe));
        for (const tell of told) tell(safe);
      },
    },
  );
  listeners.set(log, told);
  return log;
}

/** Who is told the lines of a logger besides its destination. */
const listeners = new WeakMap<Logger, Set<(line: string) => void>>();

/**
 * Has each further line of a logger told, as JSON without secrets, on whatever destination it is written to.
 * @returns ends it
 */
export function tellLines(log: Logger, tell: (line: string) => void): () => void {
  const told = listeners.get(log);
  told?.add(tell);
  return () => void told?.delete(tell);
}

/** Lines for people; loaded only where people read, for it is not small. */
function readable(colours: boolean): (line: string) => string {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const pretty = prettyFactory({
    colorize: colours,
    // Whoever stands before a terminal knows the day.
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  }) as (line: string) => string;
  return (line) => pretty(onOneLine(line));
}

interface LoggedError {
  type: string;
  message: string;
  code?: unknown;
  stack?: string;
  cause?: unknown;
}

/**
 * An error with its causes. Fields that libraries hang on their errors (whole requests, connection options) are left
 * out.
 */
function serializeError(error: unknown, depth: number): LoggedError | string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { extensions?: { code?: unknown } }).extensions?.code ?? (error as NodeJS.ErrnoException).code;
  return {
    type: error.name,
    message: cut(errorMessage(error)),
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: stackOf(error) }),
    ...(error.cause === undefined || depth >= 5 ? {} : { cause: serializeError(error.cause, depth + 1) }),
  };
}

/** JSON.parse quotes what it could not read, which is somebody's. */
const errorMessage = ({ message }: Error): string =>
  message.replace(/,? (?:\.\.\.)?"[^]*(is not valid JSON)$/, ' ($1)');

/** The places that an error passed, behind its message. */
function stackOf(error: Error): string {
  const frames = error.stack!.split('\n').filter((line) => line.startsWith('    at '));
  return [`${error.name}: ${cut(errorMessage(error))}`, ...frames].join('\n');
}

/** Without secrets first: of one that is cut nobody knows any more that it is one. */
const cut = (text: string): string =>
  text.length <= TELEMETRY.logTextCharacters ? text : cutText(redactText(text), TELEMETRY.logTextCharacters);

/** An entry with its texts cut; errors are left for their serializer. */
function bounded(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(value);
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (Array.isArray(value)) return value.slice(0, TELEMETRY.logListItems).map((item) => bounded(item, depth + 1));
  if (depth >= TELEMETRY.logDepth || 'toJSON' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bounded(item, depth + 1)]));
}
