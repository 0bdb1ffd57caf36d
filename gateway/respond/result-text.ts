/** A whole answer as JSON text. */
import type { ExecutionResult, GraphQLError } from 'graphql';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { jsonOf, JsonText } from './json-text.ts';

/** The answer's text. What transports tell one another in `extensions.http` of an error stays inside. */
export function resultText({ data, errors, extensions }: ExecutionResult): string {
  let text = '{';
  if (errors !== undefined) text += `"errors":[${errors.map(errorText).join()}]`;
  // Anything may stand for data: JSON that is ready, or objects of an engine that does not write text.
  if (data !== undefined)
    text += `${text.length > 1 ? ',' : ''}"data":${(data as unknown) instanceof JsonText ? (data as unknown as JsonText).text : jsonOf(data)}`;
  if (extensions !== undefined) text += `${text.length > 1 ? ',' : ''}"extensions":${jsonOf(extensions)}`;
  return `${text}}`;
}

function errorText(error: GraphQLError): string {
  const { message, locations, path, extensions } = error;
  const { http: _, ...shown } = extensions;
  return writeJson({ message, locations, path, extensions: Object.keys(shown).length === 0 ? undefined : shown });
}
