import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange, type CacheExchangeOpts } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import type { IntrospectionQuery } from 'graphql';
import { createClient } from 'graphql-ws';

/** @param schema the answer to graphql's `getIntrospectionQuery()`, written to a file by your build */
export function urqlClient(url: string, schema: IntrospectionQuery, token?: string): Client {
  // What has no id lies within what has one.
  const keys: CacheExchangeOpts['keys'] = {};
  for (const type of schema.__schema.types)
    if (type.kind === 'OBJECT' && !type.fields.some(({ name }) => name === 'id')) keys[type.name] = () => null;
  // Two model servers may have models of one name.
  keys['Model'] = () => null;
  keys['StoredObject'] = ({ key }) => key as string;

  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: headers,
    // Who is refused is so again: of the usual codes, 4403 alone is not final for this client.
    shouldRetry: (closed) => (closed as { code?: number }).code !== 4403,
  });
  return new Client({
    url,
    fetchOptions: { headers },
    exchanges: [
      cacheExchange({
        schema: schema as unknown as NonNullable<CacheExchangeOpts['schema']>,
        keys,
        resolvers: { Query: { documents: relayPagination() }, Entity: { relations: relayPagination() } },
        updates: {
          Mutation: {
            deleteDocument({ deleteDocument }, _, cache) {
              const deleted = deleteDocument as { deletedIds: string[] } | null;
              for (const id of deleted?.deletedIds ?? []) cache.invalidate({ __typename: 'Document', id });
            },
          },
        },
      }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe(
              { query, variables },
              {
                ...sink,
                // Of a socket that was closed, why: such as `UNAUTHENTICATED: …`.
                error: (error) => {
                  const { reason } = error as { reason?: string };
                  sink.error(reason ? new Error(reason) : error);
                },
              },
            ),
          }),
        }),
      }),
    ],
  });
}
