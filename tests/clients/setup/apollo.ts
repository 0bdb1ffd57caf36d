import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';

/** @param possibleTypes written to a file by your build: see possible-types.ts */
export function apolloClient(url: string, possibleTypes: Record<string, string[]>, token?: string): ApolloClient {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = new GraphQLWsLink(
    createClient({
      url: url.replace(/^http/, 'ws'),
      connectionParams: headers,
      // Who is refused is so again: of the usual codes, 4403 alone is not final for this client.
      shouldRetry: (closed) => (closed as { code?: number }).code !== 4403,
    }),
  );
  const http = new HttpLink({ uri: url, headers });
  return new ApolloClient({
    link: ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION, socket, http),
    cache: new InMemoryCache({
      possibleTypes,
      typePolicies: {
        Query: { fields: { documents: relayStylePagination(['where', 'orderBy']) } },
        Entity: { fields: { relations: relayStylePagination(['direction', 'types']) } },
        // Each event takes the place of the one before.
        RunEvent: { merge: false },
        // Two model servers may have models of one name.
        Model: { keyFields: false },
        StoredObject: { keyFields: ['key'] },
      },
    }),
    // `@defer` and `@stream`: multipart/mixed;incrementalSpec=v0.2
    incrementalHandler: new GraphQL17Alpha9Handler(),
  });
}
