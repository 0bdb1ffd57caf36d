/** Which value of a request PostgreSQL means where it refuses one: its words have the value or the type, and not the column. */
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { CountRequest, Write } from '../../driver.ts';

/** A value that a request has for a field. */
export interface Given {
  readonly field: string;
  readonly value: unknown;
}

interface Refused {
  readonly code?: string;
  readonly message?: string;
  readonly detail?: string;
}

/** A text that is no value of its type, or none that fits; a NUL character; what is no XML. */
const OF_INPUT: ReadonlySet<string> = new Set([
  ...['22000', '22P02', '22003', '22001', '22007', '22008', '22009', '22021', '22026', '22P03', '22P05', '22015'],
  ...['2200L', '2200M', '2200N', '2200S', '2200T'],
]);

export const isUnfit = (code: unknown): boolean => typeof code === 'string' && OF_INPUT.has(code);

/**
 * The error with the fields whose values may be meant.
 * @param given what the caller said, which may be told again
 */
export function unfitNamed(error: unknown, given: () => readonly Given[]): unknown {
  if (!(error instanceof CodedError) || error.code !== 'BAD_USER_INPUT') return error;
  const cause = error.cause as Refused | undefined;
  if (cause === undefined || !isUnfit(cause.code)) return error;
  const found = meant(cause, given());
  const fields = [...new Set(found.map(({ field }) => `\`${field}\``))];
  if (fields.length === 0) return error;
  const [first] = found as [Given];
  const said = `${fields.length > 1 ? 'one of ' : ''}${fields.join(', ')}`;
  const shown = textOf(first.value).slice(0, 80);
  return badUserInput(
    fields.length > 1
      ? `A value is none that its column can hold: ${said}.`
      : `${said}: ${JSON.stringify(shown)} is none that its column can hold.`,
    { cause, hint: hintOf(cause) },
  );
}

function meant({ code, message = '', detail = '' }: Refused, given: readonly Given[]): readonly Given[] {
  const quoted = /"([^]*)"/.exec(message)?.[1];
  const equal = quoted === undefined ? [] : given.filter(({ value }) => textsOf(value).includes(quoted));
  if (equal.length > 0) return equal;
  const length = /too long for type .*\((\d+)\)/.exec(message)?.[1];
  if (length !== undefined)
    return given.filter(({ value }) => textsOf(value).some((text) => [...text].length > Number(length)));
  const power = /less than (?:10\^(\d+)|1)\b/.exec(detail);
  if (code === '22003' && power !== null)
    return given.filter(({ value }) =>
      textsOf(value).some((text) => Math.abs(Number(text)) >= 10 ** Number(power[1] ?? 0)),
    );
  return given.length === 1 ? given : [];
}

function hintOf({ message = '', detail = '' }: Refused): string | undefined {
  const type = /(?:too long|out of range|input syntax) for (type [\w ]+(?:\(\d+\))?)/.exec(message)?.[1];
  if (type !== undefined) return `It is of the ${type}.`;
  const size = /precision (\d+), scale (\d+)/.exec(detail);
  return size === null ? undefined : `It has ${size[1]} digits, ${size[2]} of them behind the point.`;
}

const textOf = (value: unknown): string =>
  value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value);

const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(textOf) : [textOf(value)]);

/** What conditions and parents' keys say. */
export const givenIn = ({ where, parents }: Pick<CountRequest, 'where' | 'parents'>): Given[] => [
  ...(where === undefined ? [] : operandsOf(where, '')),
  ...(parents?.fields ?? []).flatMap((field, index) =>
    parents!.keys.map((key): Given => ({ field, value: key[index] })),
  ),
];

function operandsOf(condition: Condition, path: string): Given[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.of.flatMap((part) => operandsOf(part, path));
    case 'not':
      return operandsOf(condition.of, path);
    case 'linked':
      return condition.of === undefined ? [] : operandsOf(condition.of, `${path}${condition.link}.`);
    case 'compare':
      return [{ field: path + condition.column, value: condition.value }];
    case 'in':
      return condition.values.map((value) => ({ field: path + condition.column, value }));
    case 'list':
      return condition.test.kind === 'empty'
        ? []
        : condition.test.values.map((value) => ({ field: path + condition.column, value }));
    default:
      return [];
  }
}

/** What is to be written. */
export const givenToWrite = (write: Write): Given[] =>
  (write.kind === 'delete' ? write.keys : write.rows).flatMap((row) =>
    Object.entries(row).flatMap(([field, value]) => (value === null || value === undefined ? [] : [{ field, value }])),
  );
