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
  request.method === 'POST' ? await bodyParameters(request, limits) : queryParameters(request, limits);

const JSON_TYPES: readonly string[] = ['application/json', 'application/graphql+json'];

const typeOf = ({ headers }: IncomingMessage): string =>
  (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();

const notAccepted = (type: string, hint: string): CodedError =>
  new CodedError(
    'BAD_USER_INPUT',
    `The content type ${type === '' ? '(none)' : JSON.stringify(type.slice(0, 100))} is not accepted.`,
    { hint, extensions: { http: { status: 415 } } },
  );

function queryParameters(request: IncomingMessage, limits: JsonLimits): Record<string, unknown> {
  const type = typeOf(request);
  // A browser has had pages of any origin send such types without asking (GHSA-hff2-gcpx-8f4p); clients have no use for them.
  if (type !== '' && !JSON_TYPES.includes(type)) throw notAccepted(type, 'Send a `GET` without `content-type`.');
  const url = request.url!;
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
  const type = typeOf(request);
  if (!JSON_TYPES.includes(type) && type !== 'application/graphql') {
    // A form or a text is what a page of any origin may send without asking (no CORS preflight).
    request.resume();
    throw notAccepted(type, 'Send `content-type: application/json`.');
  }
  const text = decodeUtf8(await readBody(request, limits));
  return type === 'application/graphql' ? { query: text } : parseJson(text, limits);
}
