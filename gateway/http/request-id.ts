/** Request ids: taken over from a caller or proxy that sends a plain one, made here otherwise. */
import { randomUUID } from 'node:crypto';

/** Anything else could forge lines in logs or run to any length. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

export const requestIdOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && PLAIN.test(header) ? header : randomUUID();
