/** Whether a value of another store can be one of a column, so that it is worth asking for. */
import type { RelationColumn } from '../driver.ts';

const UUID = /^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i;
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n];

/** False where asking with it could only fail, or find nothing. */
export function mayBe({ kind, native }: Pick<RelationColumn, 'kind' | 'native'>, text: string): boolean {
  switch (kind) {
    case 'int':
    case 'bigint': {
      if (!/^-?\d{1,19}$/.test(text)) return false;
      const number = BigInt(text);
      return number >= LEAST && number <= MOST;
    }
    case 'decimal':
      return /^-?\d{1,1000}(\.\d{1,1000})?$/.test(text);
    case 'id':
      return UUID.test(text) || (!text.includes('\0') && !/\buuid\b/i.test(native));
    default:
      return !text.includes('\0');
  }
}
