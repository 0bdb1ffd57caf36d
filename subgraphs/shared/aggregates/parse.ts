/** What a caller's arguments of an aggregate mean, within bounds. */
import { badUserInput } from '../errors.ts';
import { ExactNumber } from '../exact-number.ts';
import type { Comparison, Condition, Operand } from '../filters/condition.ts';
import { constantOf } from '../order-input.ts';
import {
  hasPercentiles,
  isNumber,
  isOrdered,
  isTime,
  measureName,
  type AggregatedKind,
  type GroupOrder,
  type Grouping,
  type Measure,
  type MeasureKind,
  type TimeBucket,
} from './aggregate.ts';
import { AGGREGATES } from './bounds.ts';

/** By field, what its values are. */
export type AggregatedKinds = Readonly<Record<string, AggregatedKind>>;

/** How a field is grouped by, as GraphQL hands it over. */
export interface GroupByInput {
  readonly field: string;
  readonly bucket?: TimeBucket | null;
  readonly timeZone?: string | null;
  readonly width?: string | null;
  readonly path?: readonly string[] | null;
}

/** What names a measure. */
interface MeasureInput {
  readonly measure?: Uppercase<MeasureKind> | null;
  readonly field?: string | null;
  readonly p?: number | null;
}

export interface HavingInput extends MeasureInput {
  readonly and?: readonly (HavingInput | null)[] | null;
  readonly or?: readonly (HavingInput | null)[] | null;
  readonly not?: HavingInput | null;
  readonly eq?: unknown;
  readonly ne?: unknown;
  readonly lt?: unknown;
  readonly lte?: unknown;
  readonly gt?: unknown;
  readonly gte?: unknown;
  readonly isNull?: boolean | null;
}

export interface GroupOrderInput extends MeasureInput {
  readonly path?: readonly string[] | null;
  readonly direction: 'ASC' | 'DESC';
}

/** @throws CodedError `BAD_USER_INPUT` */
export function parseGroupBy(
  kinds: AggregatedKinds,
  groupBy: readonly GroupByInput[] | null | undefined,
): readonly Grouping[] {
  const given = groupBy ?? [];
  if (given.length > AGGREGATES.groupBy)
    throw badUserInput(`\`groupBy\` has at most ${AGGREGATES.groupBy} fields; got ${given.length}.`);
  const groups = given.map((each) => grouping(kinds, each));
  const named = groups.map(groupName);
  const twice = named.find((name, index) => named.indexOf(name) !== index);
  if (twice !== undefined) throw badUserInput(`\`groupBy\` names ${said(twice)} twice.`);
  return groups;
}

/** What tells a key of a group from the others: its field, and of JSON the path. */
const groupName = (group: Grouping): string => keyName(group.column, group.kind === 'path' ? group.path : undefined);

export const keyName = (field: string, path: readonly string[] | null | undefined): string =>
  path == null || path.length === 0 ? field : `${field} at ${JSON.stringify(path)}`;

const said = (name: string): string => `\`${name.slice(0, 200)}\``;

function grouping(kinds: AggregatedKinds, { field, bucket, timeZone, width, path }: GroupByInput): Grouping {
  const kind = kindOf(kinds, field);
  const name = constantOf(field);
  if (bucket != null && !isTime(kind))
    throw badUserInput(`\`bucket\` is for times, which \`${name}\` is not.`, {
      hint: isNumber(kind) ? 'Numbers lie in buckets of a `width`.' : 'Leave it out: equal values are one group.',
    });
  if (width != null && !isNumber(kind))
    throw badUserInput(`\`width\` is for numbers, which \`${name}\` is not.`, {
      hint: isTime(kind) ? 'Times lie in a `bucket`, such as `DAY`.' : 'Leave it out: equal values are one group.',
    });
  if (path != null && kind !== 'json') throw badUserInput(`\`path\` is for JSON, which \`${name}\` is not.`);
  if (timeZone != null && (bucket == null || kind !== 'moment'))
    throw badUserInput(
      bucket == null ? '`timeZone` goes with `bucket`.' : `\`timeZone\` is for moments: \`${name}\` has no time zone.`,
    );
  if (kind === 'date' && (bucket === 'MINUTE' || bucket === 'HOUR'))
    throw badUserInput(`\`${name}\` has days: the shortest \`bucket\` of it is \`DAY\`.`);
  if (kind === 'json') return { kind: 'path', column: field, path: checkPath(name, path) };
  if (bucket != null)
    return { kind: 'time', column: field, bucket, zone: kind === 'moment' ? checkZone(timeZone ?? 'UTC') : undefined };
  if (width != null) return { kind: 'width', column: field, width: checkWidth(width, name, kind) };
  return { kind: 'value', column: field };
}

function kindOf(kinds: AggregatedKinds, field: string): AggregatedKind {
  const kind = Object.hasOwn(kinds, field) ? kinds[field] : undefined;
  if (kind === undefined) throw new Error(`An aggregate names a field that is not known: ${field}.`);
  return kind;
}

function checkPath(name: string, path: readonly string[] | null | undefined): readonly string[] {
  if (path == null || path.length === 0)
    throw badUserInput(`\`${name}\` needs a \`path\`, such as \`["license"]\`: rows are grouped by what is there.`);
  if (path.length > AGGREGATES.pathKeys) throw badUserInput(`\`path\` has at most ${AGGREGATES.pathKeys} keys.`);
  for (const key of path) checkText('path', key);
  return path;
}

function checkText(name: string, text: string): string {
  if (text.length > AGGREGATES.operandCharacters)
    throw badUserInput(`\`${name}\`: texts have at most ${AGGREGATES.operandCharacters} characters.`);
  if (text.includes('\0')) throw badUserInput(`\`${name}\`: texts cannot contain the NUL character (U+0000).`);
  if (/\p{Surrogate}/u.test(text)) throw badUserInput(`\`${name}\`: texts cannot contain half of a surrogate pair.`);
  return text;
}

/** A distance such as `+02:00` is none: the other way round in POSIX, and of no use through the year. */
function checkZone(zone: string): string {
  const refused = (): Error =>
    badUserInput(`There is no time zone ${JSON.stringify(zone.slice(0, 80))}.`, {
      hint: 'Zones have the names of the IANA database, such as `Europe/Berlin` or `UTC`.',
    });
  if (zone.length > 80 || !/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(zone)) throw refused();
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch {
    throw refused();
  }
  return zone;
}

function checkWidth(width: string, name: string, kind: AggregatedKind): string {
  const digits = /^\+?(\d{1,30})(?:\.(\d{1,30}))?$/.exec(width);
  if (digits === null || /^0*$/.test(digits[1]! + (digits[2] ?? '')))
    throw badUserInput(
      `\`width\` is a number above 0, of at most 30 digits on either side of its point, such as \`"0.5"\`; got ${JSON.stringify(width.slice(0, 80))}.`,
    );
  const whole = kind === 'int' || kind === 'bigint';
  if (whole && !/^0*$/.test(digits[2] ?? ''))
    throw badUserInput(`\`${name}\` has whole numbers, and a whole \`width\`.`);
  return whole ? digits[1]! : width.replace('+', '');
}

/**
 * What a measure's input names.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function measureOf(kinds: AggregatedKinds, { measure, field, p }: MeasureInput): Measure {
  const kind = measure!.toLowerCase() as MeasureKind;
  if (p != null && kind !== 'percentile') throw badUserInput('`p` goes with `PERCENTILE`.');
  if (kind === 'count') {
    if (field != null)
      throw badUserInput('`COUNT` counts rows, and has no `field`.', {
        hint: '`DISTINCT` counts the values of a field; `where: { …: { isNull: false } }` leaves out rows without one.',
      });
    return { kind };
  }
  if (field == null) throw badUserInput(`\`${measure}\` needs a \`field\`.`);
  const of = kindOf(kinds, field);
  const name = constantOf(field);
  if (!MEASURED[kind](of)) throw badUserInput(`There is no \`${measure}\` of \`${name}\`: it is ${OF[kind]}.`);
  if (kind !== 'percentile') return { kind, column: field };
  return { kind, column: field, p: checkShare(p) };
}

const MEASURED: Record<Exclude<MeasureKind, 'count'>, (kind: AggregatedKind) => boolean> = {
  sum: isNumber,
  avg: isNumber,
  min: isOrdered,
  max: isOrdered,
  distinct: (kind) => kind !== 'json',
  percentile: hasPercentiles,
};
const OF: Record<Exclude<MeasureKind, 'count'>, string> = {
  sum: 'of numbers',
  avg: 'of numbers',
  min: 'of what has an order',
  max: 'of what has an order',
  distinct: 'of all but JSON',
  percentile: 'of numbers and times',
};

/** @throws CodedError `BAD_USER_INPUT` */
export function checkShare(p: number | null | undefined): number {
  if (p == null) throw badUserInput('`PERCENTILE` needs a `p`, a share from 0 to 1, such as 0.95.');
  if (!(p >= 0 && p <= 1))
    throw badUserInput(`\`p\` is a share from 0 to 1; got ${p}.`, {
      hint: 'The 95th percentile is `p: 0.95`.',
    });
  return p === 0 ? 0 : p;
}

const COMPARISONS = { lt: '<', lte: '<=', gt: '>', gte: '>=' } as const satisfies Record<string, Comparison>;

/**
 * The condition on groups, and the measures that it names.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function parseHaving(
  kinds: AggregatedKinds,
  having: HavingInput | null | undefined,
): { readonly condition: Condition | undefined; readonly measures: readonly Measure[] } {
  const measures: Measure[] = [];
  let conditions = 0;
  const count = (condition: Condition): Condition => {
    if (++conditions > AGGREGATES.conditions) throw tooMany();
    return condition;
  };
  const visit = (input: HavingInput, depth: number): Condition => {
    if (depth > AGGREGATES.conditionDepth + 1)
      throw badUserInput(`\`having\` is at most ${AGGREGATES.conditionDepth} levels deep.`);
    const { and, or, not: opposite, measure, field, p, ...operators } = input;
    const all: Condition[] = [];
    for (const [kind, parts] of [
      ['and', and],
      ['or', or],
    ] as const) {
      if (parts == null) continue;
      // Empty parts are no conditions, and cost to go through all the same.
      if (parts.length > AGGREGATES.conditions) throw tooMany();
      all.push({ kind, of: parts.map((part) => visit(part ?? {}, depth + 1)) });
    }
    if (opposite != null) all.push({ kind: 'not', of: visit(opposite, depth + 1) });
    const compared = Object.entries(operators).filter(([, value]) => value !== undefined);
    if (measure == null) {
      if (compared.length > 0 || field != null || p != null)
        throw badUserInput('`having` compares a `measure`: say which.', {
          hint: 'For example `having: { measure: COUNT, gt: 1 }`.',
        });
    } else {
      const asked = measureOf(kinds, { measure, field: field ?? null, p: p ?? null });
      if (compared.length === 0)
        throw badUserInput('A `measure` in `having` needs an operator, such as `gt`.', {
          hint: 'For example `having: { measure: COUNT, gt: 1 }`.',
        });
      measures.push(asked);
      const column = measureName(asked);
      for (const [name, value] of compared)
        all.push(...operator(column, name, value, valueKind(kinds, asked)).map((each) => each));
    }
    return all.length === 1 ? all[0]! : { kind: 'and', of: all };
  };
  const operator = (column: string, name: string, value: unknown, kind: AggregatedKind): Condition[] => {
    const none: Condition = { kind: 'null', column };
    const not = (of: Condition): Condition => ({ kind: 'not', of });
    if (name === 'isNull') return value === null ? [] : [value === true ? count(none) : not(count(none))];
    if (value === null) {
      if (name === 'eq') return [count(none)];
      if (name === 'ne') return [not(count(none))];
      throw badUserInput(`\`having: { ${name}: null }\` means nothing; leave it out, or use \`isNull\`.`);
    }
    const operand = operandOf(name, value, kind);
    if (name === 'eq' || name === 'ne') {
      const equal = count({ kind: 'compare', column, operator: '=', value: operand });
      return [name === 'eq' ? equal : not(equal)];
    }
    return [
      count({ kind: 'compare', column, operator: COMPARISONS[name as keyof typeof COMPARISONS], value: operand }),
    ];
  };
  if (having == null) return { condition: undefined, measures };
  const condition = visit(having, 1);
  const isNothing = condition.kind === 'and' && condition.of.length === 0;
  return { condition: isNothing ? undefined : condition, measures };
}

const tooMany = () => badUserInput(`\`having\` has at most ${AGGREGATES.conditions} conditions.`);

/** What the values of a measure are. */
export function valueKind(kinds: AggregatedKinds, measure: Measure): AggregatedKind {
  if (measure.kind === 'count' || measure.kind === 'distinct') return 'bigint';
  const kind = kindOf(kinds, measure.column);
  if (measure.kind === 'sum' || measure.kind === 'avg') return kind === 'float' ? 'float' : 'decimal';
  return kind;
}

const NUMBER = /^[-+]?(\d{1,1000}(\.\d{0,1000})?|\.\d{1,1000})([eE][-+]?\d{1,3})?$/;

/** A value that a measure is compared with. Numbers become texts of digits. */
function operandOf(name: string, value: unknown, kind: AggregatedKind): Operand {
  const text = typeof value === 'number' || value instanceof ExactNumber ? String(value) : value;
  if (isNumber(kind)) {
    if (typeof text !== 'string' || !NUMBER.test(text))
      throw badUserInput(
        `\`having: { ${name} }\` compares with a number, or a text of its digits; got ${JSON.stringify(value)?.slice(0, 80)}.`,
      );
    return text;
  }
  if (typeof value !== 'string')
    throw badUserInput(
      `\`having: { ${name} }\` compares with a text here, such as ${isTime(kind) ? 'a time in ISO 8601' : '"a"'}; got ${JSON.stringify(value)?.slice(0, 80)}.`,
    );
  checkText('having', value);
  if (kind !== 'moment') return value;
  const zoned = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/i.test(value);
  if (!zoned || Number.isNaN(Date.parse(value)))
    throw badUserInput(
      `\`having: { ${name} }\` compares with a moment in ISO 8601 with a time zone, such as "2026-01-31T09:30:00Z"; got ${JSON.stringify(value.slice(0, 80))}.`,
    );
  // A day alone is its beginning in UTC, whatever zone a store is set to.
  return value.length === 'YYYY-MM-DD'.length ? `${value}T00:00:00Z` : value;
}

/**
 * The order that a caller asked for, or the largest groups first; all keys stand behind it, the smallest first.
 * @throws CodedError `BAD_USER_INPUT`
 */
export function parseGroupOrder(
  kinds: AggregatedKinds,
  groups: readonly Grouping[],
  orderBy: readonly GroupOrderInput[] | null | undefined,
): GroupOrder[] {
  if ((orderBy?.length ?? 0) > AGGREGATES.orderFields)
    throw badUserInput(`\`orderBy\` has at most ${AGGREGATES.orderFields} levels; got ${orderBy!.length}.`);
  const names = groups.map(groupName);
  const asked = (orderBy ?? []).map((level): GroupOrder => {
    const { measure, field, path, direction } = level;
    if (measure != null) return { by: { measure: measureOf(kinds, level) }, direction };
    if (field == null)
      throw badUserInput('`orderBy` names a `field` of `groupBy`, or a `measure`.', {
        hint: 'For example `orderBy: [{ measure: COUNT, direction: DESC }]`.',
      });
    const group = names.indexOf(keyName(field, path));
    if (group === -1)
      throw badUserInput(`\`orderBy\` names ${said(keyName(constantOf(field), path))}, which \`groupBy\` does not.`, {
        hint: 'Groups are sorted by their keys, or by a `measure` of a field, such as `MAX`.',
      });
    return { by: { group }, direction };
  });
  const order: GroupOrder[] = asked.length > 0 ? asked : [{ by: { measure: { kind: 'count' } }, direction: 'DESC' }];
  const named = new Set(order.map(({ by }) => ('group' in by ? String(by.group) : measureName(by.measure))));
  if (named.size < order.length) throw badUserInput('`orderBy` names the same twice.');
  return [
    ...order,
    ...groups.flatMap((_, group): GroupOrder[] =>
      named.has(String(group)) ? [] : [{ by: { group }, direction: 'ASC' }],
    ),
  ];
}
