/**
 * Values that are not what the schema says, since the store has changed: the field of each errs by itself and says what to do, and
 * the store is looked at again.
 */
import { unreadableValue, type CodedError } from '#subgraphs/shared/errors.ts';
import type { RelationColumn } from '../driver.ts';
import type { ModelColumn } from '../model/model.ts';
import type { SchemaParts } from './parts.ts';

/** @returns what a field answers for a value of its column; an `Error` in its place where it is none that the API can say */
export function fitting(
  { source, changed }: Pick<SchemaParts, 'source' | 'changed'>,
  model: ModelColumn,
  { name }: Pick<RelationColumn, 'name'>,
): (value: unknown) => unknown {
  const { kind, list, nullable } = model;
  const enumerated =
    kind === 'enum' && model.enum !== undefined ? new Set(model.enum.values.map(({ value }) => value)) : undefined;
  const hasChanged = (what: string): CodedError => {
    changed(`the column ${name} ${what}`);
    return unreadableValue(`The source ${source} has changed: the column ${name} ${what}.`, {
      hint: 'It is looked at again by itself: ask again in a moment. Else save the file of SOURCES again, or bring the database back.',
    });
  };
  const one = (value: unknown): unknown => {
    if (value === null || value === undefined || value instanceof Error) return value;
    if (enumerated !== undefined)
      return enumerated.has(value as string) ? value : hasChanged('holds a value that its type did not have');
    if (kind === 'int') return isInt32(Number(value)) ? value : hasChanged('holds a number that is none of 32 bits');
    if (kind !== 'float' || Number.isFinite(Number(value))) return value;
    return typeof value === 'number'
      ? unreadableValue(`The column ${name} holds NaN or an infinity, which GraphQL has no number for.`, {
          hint: 'Filters know it. Where it is to be told, serve a view that has it as a text or as null.',
        })
      : hasChanged('holds what is no number');
  };
  return (value) => {
    if (!nullable && (value === null || value === undefined)) return hasChanged('has rows without a value');
    // PostgreSQL keeps lists of lists in columns that are declared as lists.
    if (list && kind !== 'json' && Array.isArray(value) && value.some((item) => Array.isArray(item)))
      return unreadableValue(`The column ${name} holds a list of lists, which the API has no type for.`, {
        hint: 'Where it is to be told, serve a view that has it as JSON or as a text.',
      });
    return list && Array.isArray(value) ? value.map(one) : one(value);
  };
}

const isInt32 = (number: number): boolean => (number | 0) === number;
