import { fc } from '#tests/setup/property.ts';
import { expect, test } from 'vitest';
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';

test('texts compare as their UTF-8 does, byte by byte', () => {
  const text = fc.string({
    unit: fc.constantFrom(
      'a',
      'b',
      'é',
      '\uD7FF',
      '\uE000',
      '\uFF21',
      '\uFFFF',
      '\u{10000}',
      '\u{1F600}',
      '\u{10FFFF}',
    ),
  });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareCodePoints(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});
