/** Aggregates of rows that are at hand, for stores that cannot be asked for them. The same as statements mean. */
import { compareCodePoints } from '../code-points.ts';
import { badUserInput, CodedError } from '../errors.ts';
import { compareNumbers, ExactNumber, writeJson } from '../exact-number.ts';
import type { Steps } from '../filters/automaton.ts';
import type { Condition, Operand } from '../filters/condition.ts';
import { checkOf, jsonForm, valueAt } from '../filters/holds.ts';
import type { JsonValue } from '../json.ts';
import {
  columnsOf,
  measureName,
  type Aggregated,
  type AggregatedKind,
  type AggregateRequest,
  type GroupOrder,
  type Grouping,
  type Measure,
} from './aggregate.ts';
import { bucketOf } from './buckets.mjs';
import { ExactSum, multipleBelow } from './exact-sum.mjs';

/** A row, or what several rows have in common. */
export interface MeasuredRow {
  /**
   * What a column's value compares by: exact numbers, texts by code point, moments as texts of one length (`bucketOf`).
   * @returns undefined where there is none
   */
  comparable(column: string): JsonValue | undefined;
  /** The same as the API has it. */
  value(column: string): unknown;
}

export interface MeasuredColumns {
  kindOf(column: string): AggregatedKind;
  /** What a value of a column that a caller named compares by; undefined for what is none. */
  comparableOf(column: string, value: Operand): JsonValue | undefined;
  /** What compares so as the API has it: of columns of times. */
  valueOf(column: string, comparable: string): unknown;
}

interface Entry {
  readonly comparable: JsonValue;
  readonly value: unknown;
  count: number;
}

interface Group {
  readonly keys: readonly Key[];
  count: number;
  /** By column, and by what is one text for equal values. */
  readonly values: ReadonlyMap<string, Map<string, Entry>>;
}

interface Key {
  readonly comparable: JsonValue | undefined;
  readonly value: unknown;
}

/** What a measure is: as it compares, and as it is answered. */
type Measured = Key;

const NONE: Key = { comparable: undefined, value: null };

export class AggregateInMemory {
  readonly #request: Omit<AggregateRequest, 'where'>;
  readonly #columns: MeasuredColumns;
  readonly #steps: Steps;
  readonly #measured: readonly string[];
  readonly #groups = new Map<string, Group>();

  /** @param steps how many `having` may take; see `checkOf` */
  constructor(request: Omit<AggregateRequest, 'where'>, columns: MeasuredColumns, steps: Steps) {
    this.#request = request;
    this.#columns = columns;
    this.#steps = steps;
    this.#measured = columnsOf(request.measures);
    if (request.groups.length === 0) this.#groupOf([]);
  }

  /** @param count how many rows are like it */
  add(row: MeasuredRow, count = 1): void {
    const group = this.#groupOf(this.#request.groups.map((by) => this.#keyOf(row, by)));
    group.count += count;
    for (const [column, entries] of group.values) {
      const comparable = row.comparable(column);
      if (comparable == null) continue;
      const form = jsonForm(comparable);
      const entry = entries.get(form);
      if (entry !== undefined) entry.count += count;
      else entries.set(form, { comparable, value: row.value(column), count });
    }
  }

  /** @throws CodedError `BAD_USER_INPUT` for an operand of `having` that is no value of its column */
  result(): Aggregated {
    const { measures, having, order, limit, counted } = this.#request;
    const holds = having && checkOf(this.#readied(having), this.#steps);
    const groups = [...this.#groups.values()]
      .map((group) => ({
        group,
        measured: new Map(measures.map((measure) => [measureName(measure), this.#measure(group, measure)])),
      }))
      .filter(({ measured }) => holds === undefined || holds((name) => measured.get(name)!.comparable));
    const comparedBy = (one: (typeof groups)[number], by: GroupOrder['by']): JsonValue | undefined =>
      'group' in by ? one.group.keys[by.group]!.comparable : one.measured.get(measureName(by.measure))!.comparable;
    groups.sort((a, b) => {
      for (const { by, direction } of order) {
        const way = compare(comparedBy(a, by), comparedBy(b, by));
        if (way !== 0) return direction === 'ASC' ? way : -way;
      }
      return 0;
    });
    return {
      groups: groups.slice(0, limit).map(({ group, measured }) => ({
        keys: group.keys.map(({ value }) => value),
        measures: Object.fromEntries([...measured].map(([name, { value }]) => [name, value])),
      })),
      total: counted ? groups.length : undefined,
    };
  }

  #groupOf(keys: readonly Key[]): Group {
    const name = JSON.stringify(keys.map(({ comparable }) => (comparable === undefined ? null : jsonForm(comparable))));
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { keys, count: 0, values: new Map(this.#measured.map((column) => [column, new Map<string, Entry>()])) };
      this.#groups.set(name, group);
    }
    return group;
  }

  #keyOf(row: MeasuredRow, by: Grouping): Key {
    const comparable = row.comparable(by.column);
    if (comparable == null) return NONE;
    switch (by.kind) {
      case 'value':
        return { comparable, value: row.value(by.column) };
      case 'path': {
        const found = valueAt(comparable, by.path);
        return found == null ? NONE : { comparable: found, value: found };
      }
      case 'time': {
        const begin = bucketOf(String(comparable), by.bucket, by.zone);
        return { comparable: begin, value: this.#columns.valueOf(by.column, begin) };
      }
      case 'width': {
        if (this.#columns.kindOf(by.column) === 'float') {
          const width = Number(by.width);
          const begin = Math.floor(Number(comparable) / width) * width;
          return { comparable: begin, value: begin };
        }
        const begin = multipleBelow(digitsOf(comparable), by.width);
        return { comparable: new ExactNumber(begin), value: begin };
      }
    }
  }

  #measure(group: Group, measure: Measure): Measured {
    if (measure.kind === 'count') return { comparable: group.count, value: String(group.count) };
    const entries = group.values.get(measure.column)!;
    if (measure.kind === 'distinct') return { comparable: entries.size, value: String(entries.size) };
    if (entries.size === 0) return NONE;
    switch (measure.kind) {
      case 'sum':
      case 'avg':
        return this.#columns.kindOf(measure.column) === 'float'
          ? floatOf(entries.values(), measure.kind)
          : exactOf(entries.values(), measure.kind);
      case 'percentile': {
        const sorted = [...entries.values()].sort((a, b) => compare(a.comparable, b.comparable));
        const all = sorted.reduce((sum, { count }) => sum + count, 0);
        let left = Math.max(Math.ceil(measure.p * all), 1);
        return sorted.find(({ count }) => (left -= count) <= 0)!;
      }
      default: {
        const way = measure.kind === 'min' ? 1 : -1;
        let best: Entry | undefined;
        for (const entry of entries.values())
          if (best === undefined || compare(entry.comparable, best.comparable) * way < 0) best = entry;
        return best!;
      }
    }
  }

  /** With operands as measures compare. */
  #readied(having: Condition): Condition {
    switch (having.kind) {
      case 'and':
      case 'or':
        return { ...having, of: having.of.map((part) => this.#readied(part)) };
      case 'not':
        return { ...having, of: this.#readied(having.of) };
      case 'compare': {
        const measure = this.#request.measures.find((each) => measureName(each) === having.column)!;
        return { ...having, value: this.#operandOf(measure, having.value) as Operand };
      }
      default:
        return having;
    }
  }

  #operandOf(measure: Measure, value: Operand): JsonValue {
    if (measure.kind === 'count' || measure.kind === 'distinct') return exactNumber(value);
    if (measure.kind === 'sum' || measure.kind === 'avg')
      return this.#columns.kindOf(measure.column) === 'float' ? Number(value) : exactNumber(value);
    const comparable = this.#columns.comparableOf(measure.column, value);
    if (comparable === undefined) throw badUserInput('A value is none that its column can hold.');
    return comparable;
  }
}

/** What is answered where no row matches. @param kindOf what values of a column are */
export const aggregatedOfNone = (
  request: Omit<AggregateRequest, 'where'>,
  kindOf: MeasuredColumns['kindOf'],
): Aggregated =>
  new AggregateInMemory(
    request,
    // Nothing is compared with what there is not.
    { kindOf, comparableOf: (_, value) => value, valueOf: (_, comparable) => comparable },
    { left: 0 },
  ).result();

/** The number of a text of digits, as JSON writes one. */
export function exactNumber(text: Operand): ExactNumber {
  const sum = new ExactSum();
  sum.add(String(text));
  return new ExactNumber(sum.sum()!);
}

/** @throws CodedError `QUERY_TOO_COSTLY` for a number that takes some 10,000 digits to write out */
function digitsOf(number: JsonValue): string {
  const text = String(number);
  if (/[eE][-+]?\d{5}/.test(text))
    throw new CodedError('QUERY_TOO_COSTLY', 'A value has more digits than an aggregate works with.', {
      hint: 'Leave out such rows by `where`.',
    });
  return text;
}

function exactOf(entries: Iterable<Entry>, what: 'sum' | 'avg'): Measured {
  const sum = new ExactSum();
  for (const { comparable, count } of entries) sum.add(digitsOf(comparable), count);
  const text = (what === 'sum' ? sum.sum() : sum.average())!;
  return { comparable: new ExactNumber(text), value: text };
}

function floatOf(entries: Iterable<Entry>, what: 'sum' | 'avg'): Measured {
  let [sum, all] = [0, 0];
  for (const { comparable, count } of entries) {
    sum += Number(comparable) * count;
    all += count;
  }
  const value = what === 'sum' ? sum : sum / all;
  return { comparable: value, value };
}

/** What has no value behind all others; of JSON texts, numbers, booleans and all else, each among themselves. */
function compare(a: JsonValue | undefined, b: JsonValue | undefined): number {
  const [one, other] = [rankOf(a), rankOf(b)];
  if (one !== other || a === undefined || b === undefined) return one - other;
  if (typeof a === 'string') return compareCodePoints(a, b as string);
  if (one === NUMBERS) return compareNumbers(a as number | ExactNumber, b as number | ExactNumber);
  if (typeof a === 'boolean') return Number(a) - Number(b);
  return compareCodePoints(writeJson(a), writeJson(b));
}

const NUMBERS = 1;
function rankOf(value: JsonValue | undefined): number {
  if (value === undefined) return 4;
  if (typeof value === 'string') return 0;
  if (typeof value === 'number' || value instanceof ExactNumber) return NUMBERS;
  return typeof value === 'boolean' ? 2 : 3;
}
