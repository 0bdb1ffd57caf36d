/**
 * Compares two texts by Unicode code point, as PostgreSQL's "C" collation and Neo4j do. JavaScript's own order is that
 * of UTF-16 code units, which puts U+10000 and above before U+E000.
 * @returns negative, zero or positive
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = rank(a.charCodeAt(index)) - rank(b.charCodeAt(index));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Moves the surrogates (U+D800 to U+DFFF), which stand for the highest code points, behind all other units. */
const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);
