/** Structured logs without secrets on standard error: one JSON object a line, or what people read on a terminal. */
import { createRequire } from 'node:module';
import { pino, type Logger } from 'pino';

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
];

const paths = SECRET_FIELDS.flatMap((field) => {
  const join = (parent: string) => (field.startsWith('[') ? `${parent}${field}` : `${parent}.${field}`);
  return [field, join('*'), join('*.*')];
});

/** Replaces the user part of every URL in `text`, and the value of every bearer token. */
export const redactText = (text: string): string =>
  text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']*@/gi, '$1[redacted]@')
    .replace(/\b(Bearer) +[A-Za-z0-9._~+/=-]+/gi, '$1 [redacted]');

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
  return pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths, censor: '[redacted]' },
      serializers: { err: (error: unknown) => serializeError(error, 0) },
    },
    // Messages and stacks are free text; addresses with passwords get into them through client libraries.
    { write: (line: string) => destination.write(written(redactText(line))) },
  );
}

/** Lines for people; loaded only where people read, for it is not small. */
function readable(colours: boolean): (line: string) => string {
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  return prettyFactory({
    colorize: colours,
    // Whoever stands before a terminal knows the day.
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  }) as (line: string) => string;
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
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth >= 5 ? {} : { cause: serializeError(error.cause, depth + 1) }),
  };
}
