/** What becomes of filters of searches where there is no store: what is checked at hand, and what Qdrant is asked. */
import { describe, expect, test } from 'vitest';

import { matcherOf } from '#subgraphs/shared/filters/automaton.ts';
import { checkOf } from '#subgraphs/shared/filters/holds.ts';
import { parsePattern } from '#subgraphs/shared/filters/pattern.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { nativeOf } from '#subgraphs/vector/drivers/qdrant/filter.ts';
import { pointOf } from '#subgraphs/vector/drivers/qdrant/points.ts';
import { checkFilter } from '#subgraphs/vector/input.ts';
import { filterOf, matches, TEXTS } from '#tests/contract/filter-oracle.ts';
import { CHUNKS, filters } from '#tests/contract/search-filters.ts';
import { fc } from '#tests/setup/property.ts';

/** As Qdrant reads a filter. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON
function qdrantLets(payload: Record<string, any>, filter: any): boolean {
  if (typeof filter === 'boolean') return filter;
  if (filter.is_empty !== undefined) return payload[filter.is_empty.key] === undefined;
  if (filter.match !== undefined) {
    const values = [payload[filter.key] ?? []].flat();
    const { any, prefix } = filter.match;
    return values.some((value: string) => (any === undefined ? value.startsWith(prefix) : any.includes(value)));
  }
  const { must = [], must_not: mustNot = [], should } = filter;
  const lets = (each: unknown): boolean => qdrantLets(payload, each);
  return must.every(lets) && !mustNot.some(lets) && (should === undefined || should.some(lets));
}

const POINTS = CHUNKS.map((chunk, i) => {
  const payload = pointOf('filters', chunk).payload as Record<string, unknown>;
  // Points of before there were collections.
  if (chunk.collection === 'default' && i % 2 === 0) delete payload['collection'];
  return payload;
});

/** Of what Qdrant checks, mostly. */
const text = fc.constantFrom(...TEXTS);
const checked = filterOf(
  {
    source: fc.oneof(
      fc.record({ startsWith: fc.constantFrom('a', 'G', 'x😀', '', 'nothing') }),
      fc.record({ notIn: fc.array(text, { maxLength: 4 }) }),
      fc.record({ not: fc.record({ isNull: fc.boolean() }) }),
    ),
    collection: fc.oneof(
      fc.constantFrom({ eq: 'default' }, { ne: 'default' }, { in: ['default', 'notes'] }),
      fc.record({ eq: text }),
    ),
    metadata: fc
      .tuple(fc.constantFrom(['topic'], ['year'], ['deep', 'n'], ['topic', '0']), fc.constantFrom('in', 'notIn'))
      .chain(([path, operator]) =>
        fc
          .array(fc.constantFrom<unknown>('a_b', 'GraphQL', 2024, '2024', null, true, 1, -3, ['a_b']), { maxLength: 3 })
          .map((values) => [{ path, [operator]: values }]),
      ),
  },
  1,
);

describe('a filter', () => {
  test('lets through, at hand, what the oracle says', () => {
    fc.assert(
      fc.property(filters, (where) => {
        const condition = checkFilter(where);
        const holds = condition === undefined ? () => true : checkOf(condition, { left: 1_000_000 });
        for (const chunk of CHUNKS) {
          const row = chunk as unknown as Record<string, JsonValue>;
          expect(holds((column) => row[column])).toBe(matches({ ...chunk }, where));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('is asked of Qdrant as far as it goes: never less, and no more where that is said', () => {
    let exactly = 0;
    fc.assert(
      fc.property(fc.oneof(filters, checked), (where) => {
        const { filter, exact } = nativeOf(checkFilter(where));
        if (exact && typeof filter !== 'boolean') exactly += 1;
        CHUNKS.forEach((chunk, i) => {
          const lets = qdrantLets(POINTS[i]!, filter);
          if (exact) expect(lets).toBe(matches({ ...chunk }, where));
          else if (matches({ ...chunk }, where)) expect(lets).toBe(true);
        });
      }),
      { numRuns: 1_000 },
    );
    expect(exactly).toBeGreaterThan(40);
  });
});

describe('a pattern', () => {
  const matching = (pattern: string) => matcherOf(parsePattern('`x`', pattern));

  test.each([
    ['a*a*b', 'a'],
    ['.*.*=', 'x'],
    ['(?i)[^b]*a*$b', 'A'],
    ['^a{0,100}a{0,100}b', 'a'],
    ['a?'.repeat(20) + 'b', 'a'],
    ['\\s+x+\\d', ' x'],
  ])('of %s takes as many steps as 64 KiB have characters, and a few', (pattern, character) => {
    const steps = { left: 20_000_000 };
    expect(matching(pattern)(character.repeat(65_536 / character.length), steps)).toBe(false);
    expect(steps.left).toBeGreaterThan(0);
  });

  test('ends where there are no more steps', () => {
    const matches = matching('[ab]{100}[bc]{100}d');
    expect(() => matches('b'.repeat(65_536), { left: 1_000_000 })).toThrow(
      expect.objectContaining({ extensions: expect.objectContaining({ code: 'QUERY_TOO_COSTLY' }) }),
    );
    expect(matches(`${'b'.repeat(200)}d`, { left: 1_000_000 })).toBe(true);
  });
});
