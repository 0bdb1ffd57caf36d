/** What PostgreSQL's words say of a value that it refuses: the value or the type, and not the column. */
import type { Refused } from '../unfit.ts';

/** A text that is no value of its type, or none that fits; a NUL character; what is no XML. */
const OF_INPUT: ReadonlySet<string> = new Set([
  ...['22000', '22P02', '22003', '22001', '22007', '22008', '22009', '22021', '22026', '22P03', '22P05', '22015'],
  ...['2200L', '2200M', '2200N', '2200S', '2200T'],
]);

export const isUnfit = (code: unknown): boolean => typeof code === 'string' && OF_INPUT.has(code);

/** Of errors that are of a value. */
export function refusedByPostgres(cause: unknown): Refused {
  const { code, message = '', detail = '' } = (cause ?? {}) as { code?: unknown; message?: string; detail?: string };
  const hint = hintOf(message, detail);
  const quoted = /"([^]*)"/.exec(message)?.[1];
  if (quoted !== undefined) return { text: quoted, hint };
  const length = /too long for type .*\((\d+)\)/.exec(message)?.[1];
  if (length !== undefined) return { may: (text) => [...text].length > Number(length), hint };
  const power = /less than (?:10\^(\d+)|1)\b/.exec(detail);
  if (code === '22003' && power !== null)
    return { may: (text) => Math.abs(Number(text)) >= 10 ** Number(power[1] ?? 0), hint };
  return { hint };
}

function hintOf(message: string, detail: string): string | undefined {
  const type = /(?:too long|out of range|input syntax) for (type [\w ]+(?:\(\d+\))?)/.exec(message)?.[1];
  if (type !== undefined) return `It is of the ${type}.`;
  const size = /precision (\d+), scale (\d+)/.exec(detail);
  return size === null ? undefined : `It has ${size[1]} digits, ${size[2]} of them behind the point.`;
}
