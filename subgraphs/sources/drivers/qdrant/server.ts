/** The way to a Qdrant server that is the operator's own. Numbers of answers keep all their digits, which the client's do not. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError, storeTimeout, storeUnavailable } from '#subgraphs/shared/errors.ts';
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { SOURCES } from '../../bounds.ts';
import type { SourceOptions } from '../../driver.ts';

/** `qdrant://:<key>@host:6333` is http, `qdrants://` https. */
function addressOf(url: string): { readonly base: string; readonly key: string | undefined } {
  const { protocol, host, pathname, password } = new URL(url);
  const port = /:\d+$/.test(host) ? '' : ':6333';
  return {
    base: `${protocol === 'qdrants:' ? 'https' : 'http'}://${host}${port}${pathname.replace(/\/$/, '')}`,
    key: password === '' ? undefined : decodeURIComponent(password),
  };
}

/** There is no such collection. */
export class CollectionGone extends CodedError {}

export class QdrantServer {
  readonly #options: SourceOptions;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /**
   * Asks, as nobody's request where there is no context.
   * @throws CodedError `STORE_UNAVAILABLE`, `STORE_TIMEOUT`, `RATE_LIMITED`
   */
  async ask(method: 'GET' | 'POST', path: string, body?: object, context?: RequestContext): Promise<unknown> {
    const send = (): Promise<unknown> => this.#send(method, path, body, context?.signal);
    context?.signal?.throwIfAborted();
    return await (context === undefined ? send() : context.statements.timed('qdrant', send));
  }

  async #send(method: 'GET' | 'POST', path: string, body?: object, signal?: AbortSignal): Promise<unknown> {
    const { name, variable, statementTimeoutMs } = this.#options;
    const store = `The source ${name}`;
    const check = `Check that Qdrant runs at ${variable}.`;
    const timeout = AbortSignal.timeout(statementTimeoutMs);
    try {
      const { base, key } = addressOf(this.#options.url());
      const response = await fetch(`${base}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === undefined ? {} : { 'api-key': key }),
        },
        ...(body === undefined ? {} : { body: writeJson(body) }),
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      });
      const text = await response.text();
      if (response.ok) return (parseExactJson(text) as { result: unknown }).result;
      const cause = new Error(`Qdrant answered ${response.status}: ${text.slice(0, SOURCES.answerCharacters)}`);
      switch (response.status) {
        case 401:
        case 403:
          throw storeUnavailable(store, cause, `Qdrant refused the key: check the one in ${variable}.`);
        case 404:
          throw new CollectionGone('STORE_UNAVAILABLE', `${store} has changed: a collection is gone.`, {
            cause,
            hint: 'If it is right so, save the file of SOURCES again, which looks at the store anew; else bring it back.',
          });
        case 429:
          throw new CodedError('RATE_LIMITED', `${store} accepts no more requests at the moment.`, {
            cause,
            hint: 'Wait and try again.',
          });
        case 400:
          throw new CodedError('STORE_UNAVAILABLE', `${store} refused what was asked.`, {
            cause,
            hint: 'The log has its words: strict mode of a collection may want an index on what is filtered by.',
          });
        default:
          throw storeUnavailable(store, cause, check);
      }
    } catch (error) {
      if (error instanceof CodedError) throw error;
      if (signal?.aborted === true) throw signal.reason as Error;
      if (timeout.aborted) throw storeTimeout(store, error, check);
      throw storeUnavailable(store, error, check);
    }
  }
}
