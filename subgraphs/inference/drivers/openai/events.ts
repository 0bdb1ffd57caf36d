/** A streamed answer of a model server: its server-sent events, as parsed JSON. */
import { createParser } from 'eventsource-parser';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { INFERENCE } from '../../bounds.ts';

/** The event that ends a stream in OpenAI's protocol. */
export const DONE = Symbol('[DONE]');

/**
 * Each event of the stream, and {@link DONE} where the server says that it is complete. A server that answers a streamed
 * request as a whole gives one event. Ending the iteration ends the request.
 * @throws CodedError `STORE_UNAVAILABLE` where the server sends something else
 */
export async function* eventsOf(response: Response): AsyncGenerator<unknown> {
  if (!/^text\/event-stream\b/i.test(response.headers.get('content-type') ?? 'text/event-stream')) {
    yield parsed(await response.text());
    return;
  }
  if (!response.body) return;
  const waiting: string[] = [];
  let failed: Error | undefined;
  const parser = createParser({
    onEvent: ({ data }) => waiting.push(data),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') failed = error;
    },
    maxBufferSize: INFERENCE.lineCharacters,
  });
  const decoder = new TextDecoder();
  for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
    parser.feed(decoder.decode(bytes, { stream: true }));
    if (failed) throw nonsense(failed);
    for (const data of waiting.splice(0)) {
      const text = data.trim();
      if (text === '[DONE]') {
        yield DONE;
        return;
      }
      if (text !== '') yield parsed(text);
    }
  }
}

/**
 * The object or list of JSON in `text`.
 * @throws CodedError `STORE_UNAVAILABLE` where it is none: another address answers, or a proxy does
 */
export function parsed(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw nonsense(error);
  }
  if (typeof value !== 'object' || value === null) throw nonsense(undefined);
  return value;
}

const nonsense = (cause: unknown): CodedError =>
  new CodedError('STORE_UNAVAILABLE', 'The model server answered with something else than its protocol.', {
    cause,
    hint: 'Check that OPENAI_BASE_URL is the address of the API itself; it often ends in /v1.',
  });
