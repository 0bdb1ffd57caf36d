import { buildSchema } from 'graphql';
import { expect, test } from 'vitest';
import { documents, type OperationRefused } from '#gateway/admission/documents.ts';

const schema = buildSchema('type Query { books: [Book] } type Book { id: ID! title: String }');
const admitted = documents({ depth: 25, tokens: 10_000, aliases: 100, rootFields: 50 });

const refusal = (text: string): OperationRefused => {
  try {
    admitted.admit(text, schema);
  } catch (error) {
    return error as OperationRefused;
  }
  throw new Error('It was admitted.');
};

test.each([
  ['inline fragments that all meet in one place', `{ books { ${'... on Book { id } '.repeat(1_600)} } }`],
  [
    'fragments that all meet in one place',
    `{ books { ${Array.from({ length: 1_000 }, (_, i) => `...f${i}`).join(' ')} } } ${Array.from({ length: 1_000 }, (_, i) => `fragment f${i} on Book { id }`).join(' ')}`,
  ],
  ['one name many times', `{ books { ${'id '.repeat(3_000)} } }`],
])('%s are refused with a reason', (_, text) => {
  const { errors } = refusal(text);
  expect(errors.map(({ extensions }) => extensions['code'])).toEqual(['QUERY_TOO_DEEP']);
  expect(errors[0]!.message).toMatch(/compared|selected more than/);
});

test('errors are bounded in number', () => {
  expect(
    refusal(`{ ${Array.from({ length: 50 }, (_, i) => `nope${i}`).join(' ')} }`).errors.length,
  ).toBeLessThanOrEqual(21);
});

test('what was valid against one schema is validated anew against the next', () => {
  const next = buildSchema('type Query { books: [Book] } type Book { id: ID! }');
  const text = '{ books { title } }';
  expect(admitted.admit(text, schema)).toBe(admitted.admit(text, schema));
  expect(() => admitted.admit(text, next)).toThrow(/title/);
});
