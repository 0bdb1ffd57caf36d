/**
 * Arguments of tools where clients send one thing and mean another: models write numbers and objects as text and null for what
 * they leave out, PHP an empty list for an empty object. The tools' schemas stay strict, for models read them; here arguments
 * become what they ask for, before they are checked.
 */
import { parseJson, type BodyLimits } from '#gateway/http/body.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';

/** Arguments of tools that are numbers, and those that are texts. */
const NUMBERS = new Set(['limit', 'offset', 'first']);
const TEXTS = new Set(['runId', 'after']);

/** @throws CodedError `BAD_USER_INPUT` where they are neither an object nor the text of one */
export function argumentsAsMeant(given: unknown, limits: BodyLimits): Record<string, unknown> {
  const value = typeof given === 'string' && given.trim() !== '' ? parseJson(given, limits, '`arguments`') : given;
  if (value === undefined || value === null || value === '' || isEmptyList(value)) return {};
  if (!isObject(value)) throw badUserInput('`arguments` must be an object.');
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, argument]): [string, unknown][] => {
      if (argument === null) return [];
      if (NUMBERS.has(name) && typeof argument === 'string') {
        if (argument.trim() === '') return [];
        return [[name, /^\s*\d{1,15}\s*$/.test(argument) ? Number(argument) : argument]];
      }
      if (TEXTS.has(name) && typeof argument === 'number') return [[name, String(argument)]];
      return [[name, name === 'variables' && isEmptyList(argument) ? {} : argument]];
    }),
  );
}

export const isObject = (value: unknown): value is Record<string, unknown> => isJsonObject(value as JsonValue);
export const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
