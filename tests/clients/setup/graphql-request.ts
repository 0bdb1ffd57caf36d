import { ClientError, GraphQLClient } from 'graphql-request';

export const graphqlRequest = (url: string, token?: string): GraphQLClient =>
  new GraphQLClient(url, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

/** The stable code of an error that was thrown, such as `BAD_USER_INPUT`. */
export const codeOf = (error: unknown): unknown =>
  error instanceof ClientError ? error.response.errors?.[0]?.extensions?.['code'] : undefined;
