/** The parameters of a GraphQL request over HTTP: of the query string, or of the body. */
import type { IncomingMessage } from 'node:http';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { decodeUtf8, parseJson, readBody, type BodyLimits } from './body.ts';
import type { JsonLimits } from './json-bounds.ts';

/**
 * What a request asks for, as it was sent, a batch of several included: nothing of it is checked but its form.
 * @throws CodedError `BAD_USER_INPUT`, `PAYLOAD_TOO_LARGE` or `REQUEST_TIMEOUT`
 */
export const requestParameters = async (request: IncomingMessage, limits: BodyLimits): Promise<unknown> =>
  request.method === 'POST' ? await bodyParameters(request, limits) : queryParameters(request.url!, limits);

function queryParameters(url: string, limits: JsonLimits): Record<string, unknown> {
  const parameters = new URL(url, 'http://localhost').searchParams;
  // URLSearchParams puts U+FFFD in the place of bytes that are not UTF-8.
  if (/%(?![0-9a-f]{2})/i.test(url)) throw badUserInput('The query string is not well encoded.');
  try {
    decodeURIComponent(url.replaceAll('+', '%20'));
  } catch (cause) {
    throw badUserInput('The query string is not valid UTF-8.', { cause });
  }
  const json = (name: string): unknown => {
    const text = parameters.get(name);
    return text === null || text === '' ? undefined : parseJson(text, limits, `\`${name}\``);
  };
  return {
    query: parameters.get('query') ?? undefined,
    documentId: parameters.get('documentId') ?? parameters.get('doc_id') ?? undefined,
    operationName: parameters.get('operationName') ?? undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  };
}

async function bodyParameters(request: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  if (type !== 'application/json' && type !== 'application/graphql+json' && type !== 'application/graphql') {
    // A form or a text is what a page of any origin may send without asking (no CORS preflight).
    request.resume();
    throw new CodedError(
      'BAD_USER_INPUT',
      `The content type ${type === '' ? '(none)' : JSON.stringify(type.slice(0, 100))} is not accepted.`,
      {
        hint: 'Send `content-type: application/json`.',
        extensions: { http: { status: 415 } },
      },
    );
  }
  const text = decodeUtf8(await readBody(request, limits));
  return type === 'application/graphql' ? { query: text } : parseJson(text, limits);
}
