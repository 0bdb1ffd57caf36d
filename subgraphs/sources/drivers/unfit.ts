/** Which value of a request is meant where one is refused: what refuses it knows the value, or the column, and not the API's field. */
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { CountRequest, Relation, RelationColumn, Write } from '../driver.ts';

/** A value that a request has for a field. */
export interface Given {
  /** Behind links, with their names before it. */
  readonly field: string;
  readonly value: unknown;
}

/** What is known of the value that was refused. */
export interface Refused {
  /** The value itself, as it was given. */
  readonly text?: string | undefined;
  /** The store's name of its column. */
  readonly column?: string | undefined;
  /** What no value does that is not meant. */
  readonly may?: ((text: string) => boolean) | undefined;
  /** Whether it is too long: of several it is the longest. */
  readonly long?: boolean | undefined;
  /** What the column takes. @default its type, where it is a column of the rows themselves */
  readonly hint?: string | undefined;
}

class UnfitValue extends Error {
  readonly text: string;

  constructor(text: string) {
    super('The value was refused before the store was asked.');
    this.text = text;
  }
}

const UNFIT = 'A value is none that its column can hold.';

class Unfit extends CodedError {
  constructor(cause: unknown) {
    super('BAD_USER_INPUT', UNFIT, { cause });
  }
}

/** @param text the value, which the caller gave */
export const unfit = (text: string): CodedError => new Unfit(new UnfitValue(text));

/** The same by a store, whose words may say which. */
export const unfitBy = (cause: unknown): CodedError => new Unfit(cause);

/**
 * What work gives; an error of a value that does not fit names the fields that may be meant.
 * @param given what the caller said, which may be told again
 * @param refusedBy what a store's own error says
 */
export async function namingUnfit<T>(
  work: Promise<T>,
  relation: Relation,
  given: () => readonly Given[],
  refusedBy: ((cause: unknown) => Refused) | undefined,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    const { cause } = error;
    throw named(
      error,
      cause instanceof UnfitValue ? { text: cause.text } : (refusedBy?.(cause) ?? {}),
      relation,
      given(),
    );
  }
}

function named(error: CodedError, refused: Refused, { columns }: Relation, given: readonly Given[]): CodedError {
  const found = meant(refused, columns, given);
  const [first] = found;
  if (first === undefined) return error;
  const fields = [...new Set(found.map(({ field }) => `\`${field}\``))];
  const { hint } = refused;
  const { cause } = error;
  return fields.length > 1
    ? badUserInput(`${UNFIT.slice(0, -1)}: one of ${fields.join(', ')}.`, { cause, hint })
    : unfitFor(
        first.field,
        columns[first.field],
        found.map(({ value }) => value),
        { cause, hint },
      );
}

/** @param values those that may be meant; @param column of the field, where it is one of the rows themselves; a hint is its type, where no other is said */
export function unfitFor(
  field: string,
  column: RelationColumn | undefined,
  values: readonly unknown[],
  { cause, hint }: { readonly cause?: unknown; readonly hint?: string | undefined } = {},
): CodedError {
  const native = column?.native.replace(/ CHARACTER SET .*$/s, '');
  const [text, other] = new Set(values.map(textOf));
  const shown = text === undefined || other !== undefined ? 'one of its values' : JSON.stringify(text.slice(0, 80));
  return badUserInput(`\`${field}\`: ${shown} is none that its column can hold.`, {
    cause,
    hint: hint ?? (native === undefined ? undefined : `It is of the type ${native}.`),
  });
}

function meant(
  { text, column, may, long }: Refused,
  columns: Relation['columns'],
  given: readonly Given[],
): readonly Given[] {
  const found = given.filter(
    ({ field, value }) =>
      (text === undefined || textsOf(value).includes(text)) &&
      (column === undefined || columns[field]?.name === column) &&
      (may === undefined || textsOf(value).some(may)),
  );
  const isTold = (text ?? column ?? may) !== undefined;
  if (!isTold || found.length === 0) return given.length === 1 ? given : [];
  const longest = found.reduce((most, each) => Math.max(most, lengthOf(each)), 0);
  return long === true ? found.filter((each) => lengthOf(each) === longest) : found;
}

const textOf = (value: unknown): string =>
  value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value);

const lengthOf = ({ value }: Given): number => [...textOf(value)].length;

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
