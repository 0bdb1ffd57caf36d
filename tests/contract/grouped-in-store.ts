/** Sources whose stores make the groups of aggregates, so that more rows are counted than may be read. */
import { expect } from 'vitest';

/* eslint-disable @typescript-eslint/no-explicit-any -- answers are whatever was asked for */

/**
 * @param ask asks a source that may read 10 rows, as a tenant who has 60 of them, 20 of each `kind` of `abc`: `n` is 0 of half of these and
 *   1 of the others, and `at` another second of each row
 * @param field its aggregate
 */
export async function checkGroupedInStore(ask: (query: string) => Promise<any>, field: string): Promise<void> {
  const told = await ask(
    `{ ${field}(groupBy: [{ field: KIND }], orderBy: [{ field: KIND }]) { groups { keys { kind } count sum { n } avg { n } percentile(p: 0.5) { n } } } }`,
  );
  expect(told.errors).toBeUndefined();
  expect(told.data[field].groups).toEqual(
    ['a', 'b', 'c'].map((kind) => ({
      keys: { kind },
      count: 20,
      sum: { n: '10' },
      avg: { n: '0.5' },
      percentile: { n: 0 },
    })),
  );
  const { data } = await ask(`{ ${field}(where: { kind: { eq: "a" } }) { groups { count } } }`);
  expect(data[field].groups).toEqual([{ count: 20 }]);
  for (const text of [
    // As many groups as rows, and rows that the store does not tell apart.
    `{ ${field}(groupBy: [{ field: AT }]) { groups { count } } }`,
    `{ ${field}(where: { kind: { contains: "A" } }) { groups { count } } }`,
  ])
    expect((await ask(text)).errors, text).toMatchObject([{ extensions: { code: 'QUERY_TOO_COSTLY' } }]);
}
