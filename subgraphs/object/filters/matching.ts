/** The objects that match a condition, in the order of their keys, looked at as few at a time as are wanted. */
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { OBJECT } from '../bounds.ts';
import type { ListedObject, ObjectDriver, ObjectScope } from '../driver.ts';
import { deciderOf } from './decide.ts';
import { narrowed, type Narrowed } from './narrowed.ts';

/** Where to look, and for what. */
export interface Wanted {
  readonly prefix: string;
  readonly where: Condition;
  /** The key behind which to begin; null for the start. */
  readonly after: string | null;
}

/** More objects would have to be looked at than may be. */
export class TooManyObjects extends CodedError {
  constructor(most: number) {
    super(
      'QUERY_TOO_COSTLY',
      `More than ${most.toLocaleString('en')} objects would have to be looked at, which no index tells apart.`,
      {
        hint: 'Narrow the filter to keys (`key: { in }`) or to what they begin with (`prefix`, `key: { startsWith }`). Operators may raise OBJECT_SCANNED.',
      },
    );
    this.name = 'TooManyObjects';
  }
}

/**
 * @param page about how many are wanted at first
 * @param told whether what is given has its media type, which a listing may not tell
 * @param most the most objects that are looked at
 * @throws TooManyObjects where more than that have to be
 */
export async function* matching(
  driver: ObjectDriver,
  scope: ObjectScope,
  { prefix, where, after }: Wanted,
  { page, most, told = false }: { readonly page: number; readonly most: number; readonly told?: boolean },
): AsyncGenerator<ListedObject> {
  const decide = deciderOf(where, told);
  let left = most;
  /** Of these as many as may still be looked at. */
  const allowed = <T>(of: readonly T[]): readonly T[] => {
    const some = of.slice(0, left);
    left -= some.length;
    return some;
  };
  for await (const found of looked(driver, scope, narrowed(where, prefix, after), after, page)) {
    const places = allowed(found);
    const objects = places.filter((object) => object !== null);
    const verdicts = objects.map(decide);
    const unsure = objects.filter((_, index) => verdicts[index] === undefined).map(({ key }) => key);
    const asked = allowed(unsure);
    const known = new Map<string, ListedObject>();
    for (let at = 0; at < asked.length; at += OBJECT.batch)
      for (const [key, info] of await driver.stat(scope, asked.slice(at, at + OBJECT.batch))) known.set(key, info);
    // What comes behind is not looked at, and would not be in order.
    const end = asked.length < unsure.length ? unsure[asked.length] : undefined;
    for (const [index, object] of objects.entries()) {
      if (object.key === end) throw new TooManyObjects(most);
      if (verdicts[index] === true) yield object;
      const info = verdicts[index] === undefined ? known.get(object.key) : undefined;
      if (info !== undefined && decide(info) === true) yield info;
    }
    if (places.length < found.length) throw new TooManyObjects(most);
  }
}

/** Objects that can match, batch by batch: at first as many as are wanted, then more at a time. Null where a key has none. */
async function* looked(
  driver: ObjectDriver,
  scope: ObjectScope,
  where: Narrowed,
  after: string | null,
  page: number,
): AsyncGenerator<readonly (ListedObject | null)[]> {
  let size = Math.max(1, page);
  if ('keys' in where) {
    for (let at = 0; at < where.keys.length; at += size, size = Math.min(OBJECT.batch, size * 4)) {
      const keys = where.keys.slice(at, at + size);
      const found = await driver.stat(scope, keys);
      yield keys.map((key) => found.get(key) ?? null);
    }
    return;
  }
  for (let behind = after; ; size = Math.min(OBJECT.filteredPage, size * 4)) {
    const objects = await driver.list(scope, { prefix: where.prefix, after: behind, limit: size });
    yield objects;
    if (objects.length < size) return;
    behind = objects.at(-1)!.key;
  }
}
