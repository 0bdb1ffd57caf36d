import { GraphQLError } from 'graphql';
import { expect, test } from 'vitest';
import { maskError } from '#gateway/respond/mask-error.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';

test('errors written for people pass, with their cause for the log', () => {
  const cause = new Error('ECONNREFUSED 10.0.0.1');
  const coded = new CodedError('STORE_UNAVAILABLE', 'The store cannot be reached.', { cause });
  const located = new GraphQLError(coded.message, { originalError: coded, path: ['a'], extensions: coded.extensions });
  expect(maskError(located, 'r1')).toEqual({ error: located, hidden: cause });
  const plain = maskError(coded, 'r1');
  expect(plain.error.toJSON()).toEqual({ message: coded.message, extensions: { code: 'STORE_UNAVAILABLE' } });
  expect(plain.hidden).toBe(cause);
});

test("GraphQL's own errors and those of foreign subgraphs pass", () => {
  const error = new GraphQLError('Variable "$a" got invalid value', { extensions: { code: 'BAD_USER_INPUT' } });
  expect(maskError(error, 'r1')).toEqual({ error, hidden: undefined });
});

test('anything else keeps its place and loses its words', () => {
  const secret = new TypeError('postgres://user:hunter2@host');
  const wrapped = new GraphQLError(secret.message, {
    originalError: secret,
    path: ['a', 0],
    extensions: { code: 'INTERNAL_SERVER_ERROR', service: 'runs', query: 'SELECT 1' },
  });
  const { error, hidden } = maskError(
    new GraphQLError(secret.message, { originalError: wrapped, path: ['a', 0], extensions: { service: 'runs' } }),
    'r1',
  );
  expect(error.toJSON()).toEqual({
    message: 'Something went wrong. The log has the details under the request id.',
    path: ['a', 0],
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'r1', service: 'runs' },
  });
  expect(hidden).toBe(secret);
  expect(JSON.stringify(maskError('a thrown text', 'r2').error)).not.toContain('thrown');
});
