/** What programs tell whoever started them: how they are used, and why they failed. */
import { ConfigError } from '#gateway/config/config.ts';
import { redactText } from '#gateway/telemetry/logger.ts';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import { WorkerError } from './workers.ts';

/**
 * Says how a program is used.
 * @param asked whether that was asked for; else it was used otherwise
 * @returns the exit code
 */
export function tellUsage(usage: string, asked: boolean | undefined): 0 | 2 {
  if (asked === true) {
    console.log(usage);
    return 0;
  }
  console.error(usage);
  return 2;
}

/** What a person needs to know of a failed start. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof WorkerError) return error.message;
  const { message, stack } = error as Error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code?.startsWith('ERR_PARSE_ARGS')) return message;
  if (code === 'EADDRINUSE') return `${message}\nSomething listens there already. Stop it, or set PORT.`;
  if (error instanceof CodedError) return redactText(`${messageWithHint(error)}${causeOf(error)}`);
  // Errors of our own say what is wrong; of others' only the stack says where they come from.
  return redactText(
    error instanceof Error && error.name !== 'Error' && error.name !== 'TypeError' ? message : (stack ?? String(error)),
  );
}

const causeOf = ({ cause }: Error): string => (cause instanceof Error ? `\n  ${cause.message}` : '');
