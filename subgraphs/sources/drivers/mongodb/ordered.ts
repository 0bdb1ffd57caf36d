/**
 * Documents in an order that may have any number of levels, where those without a value come last (or first, from the largest
 * on). MongoDB has them the other way round, so that what has a value and what has none are read one after the other; and it
 * sorts by the first level and a key alone: what is the same in the first is sorted here.
 */
import type { Document, FindOptions } from 'mongodb';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { Operand } from '#subgraphs/shared/filters/condition.ts';
import type { OrderLevel, Relation, RelationColumn, SourceOptions } from '../../driver.ts';
import { comparing, isBehind, rowIn, type Row, type StoredRow } from '../scanned/order.ts';
import { tooMany } from '../scanned/too-many.ts';
import { comparableOf } from '../scanned/values.ts';
import { anyOf, checkedAs, comparedTo } from './filter.ts';
import { testOf } from './values.ts';

type After = readonly (string | null)[];

export interface Walk {
  readonly relation: Relation;
  readonly options: SourceOptions;
  /** One statement. */
  readonly read: (filter: Document, options: FindOptions) => AsyncIterable<readonly StoredRow[]>;
  /** How many are enough, where all that is read matches. */
  readonly limit: number | undefined;
}

/** Whether MongoDB sorts by the first of these levels as the API does. */
export const isSorted = (relation: Relation, [first]: readonly OrderLevel[]): boolean =>
  first !== undefined && checkedAs(relation.columns[first.field]!) !== undefined;

export async function* inOrder(
  walk: Walk,
  filter: Document,
  order: readonly OrderLevel[],
  after: After | undefined,
): AsyncGenerator<readonly StoredRow[]> {
  const [first, ...rest] = order;
  const column = first && walk.relation.columns[first.field]!;
  const seen = column && checkedAs(column);
  if (first === undefined || seen === undefined) {
    yield* sortedHere(walk, filter, order, after);
    return;
  }
  const test = testOf(column!.name, seen)!;
  const valued = (from: After | undefined) => withValue(walk, { $and: [filter, test] }, order, from);
  // A key has one always.
  const others = (from: After | undefined) =>
    column!.nullable ? inOrder(walk, { $and: [filter, { $nor: [test] }] }, rest, from) : [];
  const isFromNone = after !== undefined && after[0] === null;
  if (first.direction === 'ASC') {
    if (!isFromNone) yield* valued(after);
    yield* others(isFromNone ? after.slice(1) : undefined);
  } else {
    if (after === undefined || isFromNone) yield* others(after?.slice(1));
    yield* valued(isFromNone ? undefined : after);
  }
}

/** What has the same in all levels before, and is sorted by none that MongoDB knows. */
async function* sortedHere(
  { relation, options, read }: Walk,
  filter: Document,
  order: readonly OrderLevel[],
  after: After | undefined,
): AsyncGenerator<readonly StoredRow[]> {
  const behind = after === undefined ? undefined : isBehind(relation, order, after);
  const rows: Row[] = [];
  for await (const page of read(filter, {})) {
    rows.push(...page.map((stored) => rowIn(relation, stored)));
    if (rows.length > options.scanned) throw tooMany(options, relation);
  }
  yield rows
    .filter(behind ?? (() => true))
    .sort(comparing(order))
    .map(({ stored }) => stored);
}

/** What has a value in the first level. */
async function* withValue(
  walk: Walk,
  filter: Document,
  order: readonly OrderLevel[],
  after: After | undefined,
): AsyncGenerator<readonly StoredRow[]> {
  const { relation, options, read, limit } = walk;
  const [first, second] = order as readonly [OrderLevel, OrderLevel?];
  const columnOf = ({ field }: OrderLevel): RelationColumn => relation.columns[field]!;
  const behind = after === undefined ? undefined : isBehind(relation, order, after);
  const isWhole =
    second === undefined ||
    (order.length === 2 && !columnOf(second).nullable && checkedAs(columnOf(second)) !== undefined);
  const from = after === undefined ? [] : [atOrBehind(columnOf(first), first, after[0]!)];
  const sort = (isWhole && second !== undefined ? [first, second] : [first]).map(
    (level) => [columnOf(level).name, level.direction === 'ASC' ? 1 : -1] as const,
  );
  if (isWhole && after !== undefined) from.push(behindOf(relation, order, after));
  const rows = read(
    { $and: [filter, ...from] },
    { sort: Object.fromEntries(sort), ...(isWhole && limit !== undefined ? { limit } : {}) },
  );
  let ties: Row[] = [];
  const isTie = comparing([first]);
  const sorted = (): StoredRow[] => {
    const group = ties.filter(behind ?? (() => true)).sort(comparing(order));
    ties = [];
    return group.map(({ stored }) => stored);
  };
  for await (const page of rows) {
    if (isWhole) {
      yield page;
      continue;
    }
    for (const stored of page) {
      const row = rowIn(relation, stored);
      if (ties.length > 0 && isTie(ties[0]!, row) !== 0) yield sorted();
      if (ties.push(row) > options.scanned) throw tooMany(options, relation);
    }
  }
  yield sorted();
}

const operandOf = (column: RelationColumn, text: string): Operand => {
  const value = comparableOf(column, text);
  if (value === undefined) throw badUserInput('A value is none that its column can hold.');
  return value as Operand;
};

const filterOf = ({ filter }: { readonly filter: Document | boolean }): Document =>
  typeof filter === 'boolean' ? (filter ? {} : { $nor: [{}] }) : filter;

const atOrBehind = (column: RelationColumn, { direction }: OrderLevel, text: string): Document =>
  filterOf(comparedTo(column, direction === 'ASC' ? '>=' : '<=', operandOf(column, text)));

/** Of one level, or of two: behind in the first, or the same there and behind in the second. */
function behindOf(relation: Relation, order: readonly OrderLevel[], after: After): Document {
  const each = order.map(({ field, direction }, index) => {
    const column = relation.columns[field]!;
    const operand = operandOf(column, after[index]!);
    return {
      behind: filterOf(comparedTo(column, direction === 'ASC' ? '>' : '<', operand)),
      same: filterOf(anyOf(column, [operand])),
    };
  });
  const [one, other] = each;
  return other === undefined ? one!.behind : { $or: [one!.behind, { $and: [one!.same, other.behind] }] };
}
