/** Structured logs, one JSON object a line on standard error, without secrets. */
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

/**
 * @param level the least level that is written; `silent` writes nothing
 * @param destination where lines go. @default standard error, so that a program's own output stays readable
 */
export function createLogger(level: string, destination: { write(line: string): void } = process.stderr): Logger {
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
    { write: (line: string) => destination.write(redactText(line)) },
  );
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
