import { createClient } from 'graphql-ws';
import { Environment, Network, Observable, RecordSource, Store } from 'relay-runtime';
import type { FetchFunction, GraphQLResponse, RequestParameters, Variables } from 'relay-runtime';

export function relayEnvironment(url: string, token?: string): Environment {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: headers,
    // Who is refused is so again: of the usual codes, 4403 alone is not final for this client.
    shouldRetry: (closed) => (closed as { code?: number }).code !== 4403,
  });
  const overSocket = ({ text, name }: RequestParameters, variables: Variables): Observable<GraphQLResponse> =>
    Observable.create((sink) =>
      socket.subscribe<Record<string, unknown>>(
        { query: text!, variables, operationName: name },
        {
          next: (answer) => sink.next(partsOf(answer as unknown as Answer)),
          error: (error) => sink.error(asError(error)),
          complete: () => sink.complete(),
        },
      ),
    );
  const overHttp = async ({ text, name }: RequestParameters, variables: Variables): Promise<GraphQLResponse> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json',
        ...headers,
      },
      body: JSON.stringify({ query: text, variables, operationName: name }),
    });
    return (await response.json()) as GraphQLResponse;
  };
  const fetchQuery: FetchFunction = (request, variables) =>
    /@(?:defer|stream)\(/.test(request.text!) ? overSocket(request, variables) : overHttp(request, variables);
  return new Environment({
    network: Network.create(fetchQuery, overSocket),
    store: new Store(new RecordSource()),
    // Two model servers may have models of one name.
    getDataID: ({ id }, type) => (type === 'Model' ? undefined : id) as string,
  });
}

type Part = { path: (string | number)[]; label: string; data?: unknown; items?: unknown[] | null };
type Answer = { data?: unknown; incremental?: Part[] };

/** Parts of an answer (`@defer`, `@stream`) as Relay takes them: each by itself, and each item of a list. */
function partsOf({ incremental = [], ...first }: Answer): GraphQLResponse {
  const later = incremental.flatMap(({ items, path, ...part }) => {
    const place = Number(path.at(-1));
    return items?.map((data, at) => ({ ...part, data, path: [...path.slice(0, -1), place + at] })) ?? { ...part, path };
  });
  return [...('data' in first ? [first] : []), ...later] as unknown as GraphQLResponse;
}

/** Of what was refused its message; of a socket that was closed, why: such as `UNAUTHENTICATED: …`. */
function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  const [{ reason, message }] = [error].flat() as [{ reason?: string; message?: string }];
  return new Error(reason || message || 'The connection was lost.');
}
