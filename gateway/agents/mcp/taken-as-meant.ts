/**
 * What clients of the Model Context Protocol send where they mean another thing: models write numbers and objects as text
 * and null for what they leave out, PHP an empty list for an empty object. The tools' schemas stay strict, for models read
 * them; here messages become what they ask for, before they are checked.
 */
import { parseJson, type BodyLimits } from '#gateway/http/body.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';

/** Arguments of tools that are numbers, and those that are texts. */
const NUMBERS = new Set(['limit', 'offset', 'first']);
const TEXTS = new Set(['runId', 'after']);

/**
 * A message, or a batch of them.
 * @throws CodedError `BAD_USER_INPUT` where `arguments` are neither an object nor the text of one
 */
export function takenAsMeant(body: unknown, limits: BodyLimits): unknown {
  return Array.isArray(body) ? body.map((message) => messageAsMeant(message, limits)) : messageAsMeant(body, limits);
}

function messageAsMeant(message: unknown, limits: BodyLimits): unknown {
  if (!isObject(message) || !('params' in message)) return message;
  const { params, ...rest } = message;
  if (params === null || isEmptyList(params)) return rest;
  if (message.method !== 'tools/call' || !isObject(params)) return message;
  return { ...rest, params: { ...params, arguments: argumentsAsMeant(params.arguments, limits) } };
}

function argumentsAsMeant(given: unknown, limits: BodyLimits): Record<string, unknown> {
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

const isObject = (value: unknown): value is Record<string, unknown> => isJsonObject(value as JsonValue);
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
