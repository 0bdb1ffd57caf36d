/** Messages of the Model Context Protocol whose arguments mean another thing than they say. */
import type { BodyLimits } from '#gateway/http/body.ts';
import { argumentsAsMeant, isEmptyList, isObject } from '../arguments-as-meant.ts';

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
