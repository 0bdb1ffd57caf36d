import { parse } from 'graphql';
import { expect, test } from 'vitest';
import { tooManyOverlaps } from '#gateway/admission/overlaps.ts';

const doubled = (depth: number): string =>
  depth === 0 ? 'id' : `a { ${doubled(depth - 1)} } a { ${doubled(depth - 1)} }`;
const fragments = (count: number, fields: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => `fragment F${index} on T { ${fields(index)} }`).join(' ');
const spreads = (count: number): string => Array.from({ length: count }, (_, index) => `...F${index}`).join(' ');

test.each([
  ['fields that double at each level', `{ ${doubled(8)} }`],
  ['fragments that meet at each level', `{ ${spreads(60)} } ${fragments(60, () => 'a { b { c } }')}`],
  [
    'a fragment spread in every one of many',
    `{ ${spreads(80)} } ${fragments(79, () => 'a { ...F79 }')} fragment F79 on T { b { c } d { e } }`,
  ],
])('%s are too many', (_, text) => {
  expect(tooManyOverlaps(parse(text))).toMatchObject({ kind: 'OperationDefinition' });
});

test.each([
  ['an ordinary operation', '{ a { id ...F } b: a { ...F } } fragment F on T { id name owner { id name } }'],
  ['many fragments with fields of their own', `{ ${spreads(90)} } ${fragments(90, (index) => `id f${index} { id }`)}`],
  [
    'fragments that lead back to themselves, of which validation says more',
    '{ ...F0 } fragment F0 on T { a { ...F1 } c { ...F1 } } fragment F1 on T { b { ...F0 } ...F0 }',
  ],
  [
    'wide operations without repetition',
    `{ ${Array.from({ length: 2_000 }, (_, index) => `f${index} { id }`).join(' ')} }`,
  ],
])('%s is not', (_, text) => {
  expect(tooManyOverlaps(parse(text))).toBeUndefined();
});
