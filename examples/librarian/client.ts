/** A client for the operations of operations.graphql: GraphQL over HTTP, and streams over server-sent events. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** An operation that was answered with an error; `code` is stable, see docs/errors.md. */
export class Failure extends Error {
  readonly code: string;
  constructor({ message, extensions }: { message: string; extensions?: { code?: string } }) {
    super(message);
    this.code = extensions?.code ?? '';
  }
}

type Data = any; // eslint-disable-line @typescript-eslint/no-explicit-any -- `npm run codegen` would type it; an example should need no build
export interface Client {
  /**
   * Performs an operation, again and again while the server or a store of it is away: all that it sends may be
   * repeated.
   */
  request(name: string, variables?: object): Promise<Data>;
  /** The results of a subscription. */
  stream(name: string, variables?: object): AsyncGenerator<Data>;
}

const TRY_AGAIN = ['STORE_UNAVAILABLE', 'STORE_TIMEOUT', 'SUBGRAPH_UNAVAILABLE', 'RATE_LIMITED'];
const operations = Object.fromEntries(
  [
    ...readFileSync(new URL('operations.graphql', import.meta.url), 'utf8').matchAll(
      /^(?:query|mutation|subscription) (\w+)[\s\S]*?^}/gm,
    ),
  ].map(([text, name]) => [name, text]),
);

export function graphqlClient(url: string, authorization: string | undefined, signal: AbortSignal): Client {
  const send = (name: string, variables: object, accept: string): Promise<Response> =>
    fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, ...(authorization && { authorization }) },
      body: JSON.stringify({ query: operations[name], variables }),
      signal,
    });
  const dataOf = ({
    data,
    errors,
  }: {
    data?: Data;
    errors?: { message: string; extensions?: { code?: string } }[];
  }): Data => {
    if (errors?.[0]) throw new Failure(errors[0]);
    return data;
  };
  return {
    async request(name, variables = {}) {
      for (let pause = 250; ; pause = Math.min(pause * 2, 5_000)) {
        try {
          return dataOf((await (await send(name, variables, 'application/json')).json()) as object);
        } catch (error) {
          if (signal.aborted || (error instanceof Failure && !TRY_AGAIN.includes(error.code))) throw error;
          await delay(pause * (0.5 + Math.random()), undefined, { signal });
        }
      }
    },
    async *stream(name, variables = {}) {
      const response = await send(name, variables, 'text/event-stream');
      let text = '';
      for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + part).split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) {
          const data = /^data: (.+)$/m.exec(block)?.[1];
          if (/^event: complete$/m.test(block)) return;
          if (data) yield dataOf(JSON.parse(data) as object);
        }
      }
      throw new Error('The stream was cut.');
    },
  };
}
