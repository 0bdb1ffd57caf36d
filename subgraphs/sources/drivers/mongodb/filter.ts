/** Filters as MongoDB has them. Values that are none of what their column holds are as if there were none, there and here. */
import { Decimal128, Double, Long, ObjectId, UUID, type Document } from 'mongodb';
import type { Comparison, Condition, ListTest, Operand } from '#subgraphs/shared/filters/condition.ts';
import { nativeFilters, type Native } from '#subgraphs/shared/filters/native.ts';
import { SOURCES } from '../../bounds.ts';
import type { Relation, RelationColumn } from '../../driver.ts';
import { KIND_OF, testOf, type Seen } from './values.ts';

const { NOTHING, UNCHECKED, together, without } = nativeFilters<Document>({
  all: (filters) => ({ $and: [...filters] }),
  any: (filters) => ({ $or: [...filters] }),
  not: (filter) => ({ $nor: [filter] }),
});

/** What MongoDB checks of a column's values; undefined where it compares otherwise than the API. */
export const checkedAs = ({ kind, native, list, values }: RelationColumn): Seen | undefined =>
  !list && values === undefined && kind !== 'json' && kind !== 'bytes' && KIND_OF[native as Seen] === kind
    ? (native as Seen)
    : undefined;

/** @returns undefined where nothing can match */
export function filterOf(
  relation: Relation,
  tenantId: string,
  where: Condition | undefined,
): { readonly filter: Document; readonly exact: boolean } | undefined {
  const { columns, tenant } = relation;
  const must: Native<Document>[] = [];
  if (tenant !== undefined) must.push(ofTenant(tenant, tenantId));
  // A key is of one kind: a document whose `_id` is of another is no row.
  for (const { name, nullable, native } of Object.values(columns)) {
    const test = nullable ? undefined : testOf(name, native as Seen);
    if (test !== undefined) must.push({ filter: test, exact: true });
  }
  if (where !== undefined) must.push(nativeOf(relation, where));
  const { filter, exact } = together(must, true);
  return filter === false ? undefined : { filter: filter === true ? {} : filter, exact };
}

/** Numbers are matched as numbers, where the column holds them. */
function ofTenant({ name, native }: RelationColumn, tenantId: string): Native<Document> {
  const of = (value: unknown): Native<Document> => ({
    filter: { $and: [{ [name]: value }, { [name]: { $not: { $type: 'array' } } }] },
    exact: true,
  });
  switch (native as Seen) {
    case 'long':
      return /^-?\d{1,18}$/.test(tenantId) ? of(Long.fromString(tenantId)) : NOTHING;
    case 'objectId':
      return /^[\da-f]{24}$/.test(tenantId) ? of(new ObjectId(tenantId)) : NOTHING;
    default:
      return of(tenantId);
  }
}

function nativeOf(relation: Relation, condition: Condition): Native<Document> {
  switch (condition.kind) {
    case 'and':
    case 'or':
      // Keys of many parents, several columns each: that they belong together is looked at by who asks.
      if (condition.of.length > SOURCES.conditions) return UNCHECKED;
      return together(
        condition.of.map((part) => nativeOf(relation, part)),
        condition.kind === 'and',
      );
    case 'not':
      return without(nativeOf(relation, condition.of));
    case 'null': {
      const column = relation.columns[condition.column]!;
      const seen = checkedAs(column);
      const test = seen && testOf(column.name, seen);
      return test === undefined ? UNCHECKED : { filter: { $nor: [test] }, exact: true };
    }
    case 'compare': {
      const column = relation.columns[condition.column]!;
      return condition.operator === '='
        ? anyOf(column, [condition.value])
        : comparedTo(column, condition.operator, condition.value);
    }
    case 'in':
      return anyOf(relation.columns[condition.column]!, condition.values);
    case 'list':
      return itemsOf(relation.columns[condition.column]!, condition.test);
    case 'startsWith': {
      const column = relation.columns[condition.column]!;
      if (checkedAs(column) !== 'string' || !isText(condition.text)) return UNCHECKED;
      const pattern = `^${condition.text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}`;
      return { filter: testOf(column.name, 'string', { $regex: pattern })!, exact: true };
    }
    default:
      return UNCHECKED;
  }
}

/** BSON has UTF-8, which halves of characters are not. */
const isText = (text: string): boolean =>
  !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);

const OPERATORS = { '>': '$gt', '>=': '$gte', '<': '$lt', '<=': '$lte' } as const;

export function comparedTo(
  column: RelationColumn,
  operator: Exclude<Comparison, '='>,
  value: Operand,
): Native<Document> {
  const seen = checkedAs(column);
  const bound = seen && boundOf(seen, value);
  if (bound === undefined || bound === 'none') return UNCHECKED;
  // Of a moment between two milliseconds: the one before it is less, and it is no date's.
  const way = bound.behind ? (operator.startsWith('>') ? '>' : '<=') : operator;
  return { filter: testOf(column.name, seen!, { [OPERATORS[way]]: bound.value })!, exact: true };
}

export function anyOf(column: RelationColumn, values: readonly Operand[]): Native<Document> {
  if (values.length === 0) return NOTHING;
  const seen = checkedAs(column);
  if (seen === undefined) return UNCHECKED;
  const bounds = values.map((value) => boundOf(seen, value));
  if (bounds.some((bound) => bound === undefined)) return UNCHECKED;
  const equal = bounds.flatMap((bound) => (bound === 'none' || bound!.behind ? [] : [bound!.value]));
  if (equal.length === 0) return NOTHING;
  return { filter: testOf(column.name, seen, equal.length === 1 ? { $eq: equal[0] } : { $in: equal })!, exact: true };
}

/** Of lists that have such items, and of what is no list, which is looked at here. */
function itemsOf(column: RelationColumn, test: ListTest): Native<Document> {
  if (test.kind === 'empty' || test.kind === 'only' || test.values.length === 0) return UNCHECKED;
  const seen = checkedAs({ ...column, list: false });
  const bounds = seen && test.values.map((value) => boundOf(seen, value));
  if (bounds?.every((bound) => bound !== undefined) !== true) return UNCHECKED;
  const equal = bounds.flatMap((bound) => (bound === 'none' || bound.behind ? [] : [bound.value]));
  if (equal.length === 0 || (test.kind === 'all' && equal.length < bounds.length)) return NOTHING;
  return { filter: { [column.name]: { [test.kind === 'all' ? '$all' : '$in']: equal } }, exact: false };
}

interface Bound {
  readonly value: unknown;
  /** Whether it is a little less than what is meant. */
  readonly behind: boolean;
}

/** What to compare with: `none` for what no value equals, undefined for what MongoDB cannot be told. */
function boundOf(seen: Seen, value: Operand): Bound | 'none' | undefined {
  const text = String(value);
  const is = (bound: unknown, behind = false): Bound => ({ value: bound, behind });
  switch (seen) {
    case 'string':
      return isText(text) ? is(text) : undefined;
    case 'bool':
      return is(value === true || text === 'true');
    case 'long':
      return is(Long.fromString(text));
    case 'double':
      return is(new Double(Number(text)));
    case 'decimal':
      try {
        return is(Decimal128.fromString(text));
      } catch {
        return undefined; // More digits than it has.
      }
    case 'objectId':
      return /^[\da-f]{24}$/i.test(text) ? is(new ObjectId(text)) : 'none';
    case 'uuid':
      return UUID.isValid(text) && text.length >= 32 ? is(new UUID(text)) : 'none';
    case 'date': {
      // Nine digits behind the point, in UTC.
      const [, whole, rest = ''] = /^(.*\.\d{3})(\d*)$/.exec(text)!;
      return is(new Date(`${whole}Z`), /[1-9]/.test(rest));
    }
    default:
      return undefined;
  }
}
