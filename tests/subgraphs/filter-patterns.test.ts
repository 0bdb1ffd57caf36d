import { describe, expect, test } from 'vitest';
import { matcherOf } from '#subgraphs/shared/filters/automaton.ts';
import { parsePattern, toJava, toPostgres } from '#subgraphs/shared/filters/pattern.ts';
import { fc } from '#tests/setup/property.ts';

const parse = (source: string) => parsePattern('`title`', source);

describe('patterns', () => {
  test('mean what JavaScript says of them', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      'ü',
      '.',
      '[ab]',
      '[^a]',
      '\\d',
      '\\W',
      '\\.',
      '(?:ab)',
      '(a|b)',
      '^',
      '$',
      '-',
      '😀',
      '[a\\-😀]',
    );
    const count = fc.constantFrom('', '?', '{2}', '{0,2}');
    const once = fc.tuple(piece, count).map(([of, times]) => (/^[\^$]$|\|/.test(of) ? of : of + times));
    const source = fc
      .tuple(fc.constantFrom('', '(?i)'), fc.array(once, { maxLength: 5 }))
      .map(([flag, of]) => flag + of.join(''));
    fc.assert(
      fc.property(
        source,
        fc.array(fc.constantFrom('a', 'B', 'b', 'Ü', '1', '.', '-', '\n', '😀'), { maxLength: 6 }),
        (pattern, characters) => {
          const text = characters.join('');
          const oracle = pattern.startsWith('(?i)') ? new RegExp(pattern.slice(4), 'isu') : new RegExp(pattern, 'su');
          expect(matcherOf(parse(pattern))(text, { left: 10_000 })).toBe(oracle.test(text));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('are written for each store', () => {
    expect(toPostgres(parse('(?i)^a_b[.\\d-]{2,}\\+$'))).toBe('***:(?i)^a\\_b(?:[\\.0-9\\-]){2,}\\+$');
    expect(toJava(parse('(?i)^a_b[.\\d-]{2,}\\+$'))).toBe('(?siu).*?(?:^a\\_b(?:[\\.0-9\\-]){2,}\\+\\z).*');
  });

  test.each([
    ['(a+)+$', /repeats a group/],
    ['(a|a)*', /repeats a group/],
    ['(.*a){20}', /repeats a group/],
    ['.*.*.*.*=.*', /too long/],
    ['a?'.repeat(40), /too long/],
    ['(a|a)'.repeat(40), /too long|at most 200/],
    ['a**', /repeats a repetition/],
    ['a{1000}', /more than 100/],
    ['a{3,2}', /backwards/],
    ['(?=a)', /kind that is not known/],
    ['(?<name>a)', /kind that is not known/],
    ['(a)\\1', /\\1/],
    ['\\bword\\b', /\\b/],
    ['(', /closes/],
    [')', /closes nothing/],
    ['[', /closes/],
    ['[]', /empty/],
    ['[z-a]', /backwards/],
    ['[[:alpha:]]', /within/],
    ['*a', /nothing before/],
    ['a{', /by itself/],
    ['\\', /ends with/],
    ['x'.repeat(201), /at most 200/],
    ['('.repeat(100), /groups/],
  ])('refuses %s, and says why', (source, message) => {
    expect(() => parse(source)).toThrow(message);
  });
});
