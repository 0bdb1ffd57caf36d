/** What aggregates mean, said without a store, and aggregates to ask for. */
import { fc } from '#tests/setup/property.ts';
import { constantOf } from '#subgraphs/shared/order-input.ts';

export type Kind =
  | 'text'
  | 'id'
  | 'enum'
  | 'int'
  | 'bigint'
  | 'decimal'
  | 'float'
  | 'boolean'
  | 'moment'
  | 'localMoment'
  | 'date'
  | 'json';
export type Kinds = Readonly<Record<string, Kind>>;
export type Row = Readonly<Record<string, unknown>>;

export interface Grouping {
  field: string;
  bucket?: string;
  timeZone?: string;
  width?: number;
  path?: string[];
}
export interface Measure {
  measure: string;
  field?: string;
  p?: number;
}
type Having = Record<string, unknown>;
export interface Aggregate {
  groupBy: Grouping[];
  measures: Measure[];
  having?: Having;
  orderBy: (Partial<Measure> & { path?: string[]; direction: 'ASC' | 'DESC' })[];
  first: number;
}

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];
const BUCKETS = ['MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR'];

const clocks = new Map<string, Intl.DateTimeFormat>();
/** `Date.UTC`, which takes the first hundred years for those of the last century. */
const utc = (year: number, month: number, day = 1, ...time: number[]): number =>
  new Date(Date.UTC(2000, month, day, ...time)).setUTCFullYear(year, month, day);

/** What the clocks of a zone show, as the moment at which those of UTC show it. */
function local(at: number, timeZone: string): number {
  let clock = clocks.get(timeZone);
  if (clock === undefined)
    clocks.set(
      timeZone,
      (clock = new Intl.DateTimeFormat('en', {
        timeZone,
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      })),
    );
  const shown = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return utc(shown.year!, shown.month! - 1, shown.day!, shown.hour!, shown.minute!, shown.second!);
}

export function bucketOf(moment: string, bucket: string, timeZone: string): string {
  const at = Math.floor(Date.parse(moment) / 1000) * 1000;
  const shown = local(at, timeZone);
  const date = new Date(shown);
  // Hours that the clocks show twice are two.
  if (bucket === 'MINUTE') return new Date(at - (shown % 60_000)).toISOString();
  if (bucket === 'HOUR') return new Date(at - (shown % 3_600_000)).toISOString();
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const begins = {
    DAY: utc(year, month, day),
    WEEK: utc(year, month, day - ((date.getUTCDay() + 6) % 7)),
    MONTH: utc(year, month),
    QUARTER: utc(year, month - (month % 3)),
    YEAR: utc(year, 0),
  }[bucket]!;
  // When the clocks show that: they may be set otherwise then.
  let found = begins - (shown - at);
  found += begins - local(found, timeZone);
  return new Date(found).toISOString();
}

function keyOf(row: Row, { field, bucket, timeZone, width, path }: Grouping, kind: Kind | undefined): unknown {
  let value = row[field];
  for (const key of path ?? [])
    value = typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Row)[key] : undefined;
  if (value === null || value === undefined) return null;
  if (bucket !== undefined) {
    if (kind === 'date') return bucketOf(`${value as string}T00:00:00Z`, bucket, 'UTC').slice(0, 10);
    if (kind === 'localMoment') return bucketOf(`${value as string}Z`, bucket, 'UTC').slice(0, 19);
    return bucketOf(value as string, bucket, timeZone ?? 'UTC');
  }
  if (width === undefined) return value;
  if (kind !== 'decimal' && kind !== 'bigint') return Math.floor((value as number) / width) * width;
  const [number, by] = [exact(value), exact(width)];
  return written(number - (((number % by) + by) % by));
}

const SCALE = 40;
/** A number as a whole one of 10^-40. */
function exact(value: unknown): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(String(value))!;
  const digits = BigInt(`${whole}${fraction.padEnd(SCALE, '0')}`);
  return sign === '-' ? -digits : digits;
}
/** Its text, without zeros that it does not need. */
export function written(number: bigint): string {
  const digits = String(number < 0n ? -number : number).padStart(SCALE + 1, '0');
  const fraction = digits.slice(-SCALE).replace(/0+$/, '');
  return `${number < 0n ? '-' : ''}${digits.slice(0, -SCALE)}${fraction === '' ? '' : `.${fraction}`}`;
}

/** By code point, and what has no value behind all others. @param values of an enum, in their order */
export function compare(a: unknown, b: unknown, kind?: Kind, values?: readonly string[]): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (kind === 'bigint' || kind === 'decimal') {
    const [one, two] = [exact(a), exact(b)];
    return one < two ? -1 : Number(one > two);
  }
  if (kind === 'enum' && values !== undefined) return values.indexOf(a as string) - values.indexOf(b as string);
  if (kind === 'moment' || kind === 'localMoment') {
    const form = (value: unknown) =>
      String(value)
        .replace('Z', '')
        .padEnd(19, ':00')
        .replace(/^([^.]*)$/, '$1.')
        .padEnd(29, '0');
    return Buffer.compare(Buffer.from(form(a)), Buffer.from(form(b)));
  }
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return Number(a) - Number(b);
}

function measured(rows: readonly Row[], { measure, field, p }: Measure, kinds: Kinds = {}): unknown {
  if (measure === 'COUNT') return rows.length;
  const kind = kinds[field!];
  const values = rows
    .map((row) => row[field!] ?? null)
    .filter((value) => value !== null)
    .sort((a, b) => compare(a, b, kind));
  if (measure === 'DISTINCT') return new Set(values).size;
  if (values.length === 0) return null;
  if ((measure === 'SUM' || measure === 'AVG') && (kind === 'bigint' || kind === 'decimal')) {
    const total = values.reduce((sum: bigint, value) => sum + exact(value), 0n);
    return measure === 'SUM' ? written(total) : written(total / BigInt(values.length));
  }
  const sum = (values as number[]).reduce((total, value) => total + value, 0);
  switch (measure) {
    case 'SUM':
      return sum;
    case 'AVG':
      return sum / values.length;
    case 'MIN':
      return values[0];
    case 'MAX':
      return values.at(-1);
    default:
      return values[Math.max(Math.ceil(p! * values.length) - 1, 0)];
  }
}

function holds(rows: readonly Row[], { and, or, not, measure, field, p, ...operators }: Having, kinds: Kinds): boolean {
  if (and !== undefined && !(and as Having[]).every((part) => holds(rows, part, kinds))) return false;
  if (or !== undefined && !(or as Having[]).some((part) => holds(rows, part, kinds))) return false;
  if (not !== undefined && holds(rows, not as Having, kinds)) return false;
  if (measure === undefined) return true;
  const value = measured(rows, { measure, field, p } as Measure, kinds);
  const kind = kindOf({ measure, field } as Measure, kinds);
  return Object.entries(operators).every(([operator, operand]) => {
    if (operator === 'isNull') return (value === null) === operand;
    const order = value === null ? undefined : compare(value, operand, kind);
    if (operator === 'ne') return order !== 0;
    if (order === undefined) return false;
    return { eq: order === 0, lt: order < 0, lte: order <= 0, gt: order > 0, gte: order >= 0 }[operator]!;
  });
}

/** What the values of a measure are. */
const kindOf = ({ measure, field }: Measure, kinds: Kinds): Kind | undefined => {
  const kind = kinds[field!];
  if (measure === 'COUNT' || measure === 'DISTINCT') return undefined;
  return (measure === 'SUM' || measure === 'AVG') && kind === 'bigint' ? 'decimal' : kind;
};

const nameOf = ({ field, path }: { field?: string; path?: string[] }): string => `${field} ${JSON.stringify(path)}`;

/** The groups of the rows that match, each with its keys and measures in the order in which they were asked for. */
export function aggregate(
  rows: readonly Row[],
  { groupBy, measures, having, orderBy, first }: Aggregate,
  kinds: Kinds = {},
  enums: Readonly<Record<string, readonly string[]>> = {},
) {
  const compareKeys = (a: unknown, b: unknown, { field }: Grouping): number =>
    compare(a, b, kinds[field], enums[field]);
  const groups = new Map<string, { keys: unknown[]; rows: Row[] }>();
  if (groupBy.length === 0) groups.set('[]', { keys: [], rows: [] });
  for (const row of rows) {
    const keys = groupBy.map((by) => keyOf(row, by, kinds[by.field]));
    const name = JSON.stringify(keys);
    if (!groups.has(name)) groups.set(name, { keys, rows: [] });
    groups.get(name)!.rows.push(row);
  }
  const left = [...groups.values()].filter((group) => having === undefined || holds(group.rows, having, kinds));
  const levels = orderBy.length > 0 ? orderBy : [{ measure: 'COUNT', direction: 'DESC' as const }];
  left.sort((a, b) => {
    for (const { direction, ...by } of levels) {
      const at = groupBy.findIndex((each) => nameOf(each) === nameOf(by));
      const order =
        by.measure === undefined
          ? compareKeys(a.keys[at], b.keys[at], groupBy[at]!)
          : compare(
              measured(a.rows, by as Measure, kinds),
              measured(b.rows, by as Measure, kinds),
              kindOf(by as Measure, kinds),
            );
      if (order !== 0) return direction === 'ASC' ? order : -order;
    }
    for (const at of groupBy.keys()) {
      const order = compareKeys(a.keys[at], b.keys[at], groupBy[at]!);
      if (order !== 0) return order;
    }
    return 0;
  });
  return {
    groups: left
      .slice(0, first)
      .map((group) => ({ keys: group.keys, measures: measures.map((each) => measured(group.rows, each, kinds)) })),
    truncated: left.length > first,
    totalCount: left.length,
  };
}

/** Aggregates at random. @param paths of JSON, whose values are all of one type or none */
export function aggregates(
  kinds: Kinds,
  rows: readonly Row[],
  paths: readonly string[][] = [],
): fc.Arbitrary<Aggregate> {
  const fields = Object.keys(kinds);
  const of = (...some: Kind[]) => fields.filter((field) => some.includes(kinds[field]!));
  const grouping = fc.constantFrom(...fields).chain((field): fc.Arbitrary<Grouping> => {
    const kind = kinds[field]!;
    if (kind === 'json') return fc.record({ field: fc.constant(field), path: fc.constantFrom(...paths) });
    const plain = fc.constant({ field });
    if (kind === 'moment')
      return fc.oneof(
        plain,
        fc.record(
          { field: fc.constant(field), bucket: fc.constantFrom(...BUCKETS), timeZone: fc.constantFrom(...ZONES) },
          { requiredKeys: ['field', 'bucket'] },
        ),
      );
    if (kind === 'date' || kind === 'localMoment')
      return fc.oneof(
        plain,
        fc.record({
          field: fc.constant(field),
          bucket: fc.constantFrom(...BUCKETS.filter((each) => kind !== 'date' || !/MINUTE|HOUR/.test(each))),
        }),
      );
    // Buckets of the least of 64 bits must not begin below it.
    if (kind === 'int' || kind === 'bigint' || kind === 'decimal')
      return fc.oneof(
        plain,
        fc.record({
          field: fc.constant(field),
          width: fc.constantFrom(...(kind === 'bigint' ? [1, 2, 8] : [1, 3, 7, 100])),
        }),
      );
    return plain;
  });
  const isNumber = ['int', 'bigint', 'decimal', 'float'] as const;
  const isTime = ['moment', 'localMoment', 'date'] as const;
  const [numbers, ordered, timed] = [of(...isNumber), of(...isNumber, ...isTime, 'text'), of(...isNumber, ...isTime)];
  const plain = fields.filter((field) => kinds[field] !== 'json');
  const measure: fc.Arbitrary<Measure> = fc.oneof(
    fc.constant({ measure: 'COUNT' }),
    fc.record({ measure: fc.constant('DISTINCT'), field: fc.constantFrom(...plain) }),
    fc.record({ measure: fc.constantFrom('MIN', 'MAX'), field: fc.constantFrom(...ordered) }),
    ...(numbers.length === 0
      ? []
      : [fc.record({ measure: fc.constantFrom('SUM', 'AVG'), field: fc.constantFrom(...numbers) })]),
    ...(timed.length === 0
      ? []
      : [
          fc.record({
            measure: fc.constant('PERCENTILE'),
            field: fc.constantFrom(...timed),
            p: fc.constantFrom(0, 0.1, 0.25, 0.5, 0.95, 1),
          }),
        ]),
  );
  const operator = fc.constantFrom('eq', 'ne', 'lt', 'lte', 'gt', 'gte');
  const condition = measure.chain((by) => {
    const isOfValues = !['COUNT', 'DISTINCT', 'SUM', 'AVG'].includes(by.measure);
    const operand = isOfValues
      ? fc
          .constantFrom(
            ...(rows.some((row) => row[by.field!] != null) ? rows.filter((row) => row[by.field!] != null) : rows),
          )
          .map((row) => row[by.field!] ?? (kinds[by.field!] === 'text' ? 'x' : 3))
      : fc.constantFrom(0, 1, 2, 3, 10, 1000);
    return fc.oneof(
      fc.record({ operator, operand }).map((each): Having => ({ ...by, [each.operator]: each.operand })),
      fc.boolean().map((isNull): Having => ({ ...by, isNull })),
    );
  });
  const having: fc.Arbitrary<Having> = fc.oneof(
    condition,
    fc.record({ and: fc.array(condition, { maxLength: 2 }) }),
    fc.record({ or: fc.array(condition, { maxLength: 2 }) }),
    condition.map((not) => ({ not })),
  );
  const direction = fc.constantFrom('ASC' as const, 'DESC' as const);
  return fc
    .record({
      groupBy: fc.uniqueArray(grouping, { maxLength: 3, selector: nameOf }),
      measures: fc.uniqueArray(measure, { maxLength: 5, selector: (each) => JSON.stringify(each) }),
      having: fc.option(having, { nil: undefined }),
      first: fc.constantFrom(0, 1, 3, 1000),
    })
    .chain((given) =>
      fc
        .uniqueArray(
          fc.oneof(
            measure,
            ...(given.groupBy.length === 0
              ? []
              : [fc.constantFrom(...given.groupBy).map(({ field, path }) => ({ field, ...(path ? { path } : {}) }))]),
          ),
          { maxLength: 2, selector: (each) => JSON.stringify(each) },
        )
        .chain((by) =>
          fc.array(direction, { minLength: by.length, maxLength: by.length }).map((ways): Aggregate => {
            const { having: asked, ...rest } = given;
            return {
              ...rest,
              ...(asked === undefined ? {} : { having: asked }),
              orderBy: by.map((each, at) => ({ ...each, direction: ways[at]! })),
            };
          }),
        ),
    );
}

const literal = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, each]) => `${name}: ${wordOf(name, each) ?? literal(each)}`)
    .join(', ')} }`;
};
/** What is an enum's. */
const wordOf = (name: string, value: unknown): string | undefined =>
  name === 'field'
    ? constantOf(value as string)
    : ['measure', 'bucket', 'direction'].includes(name)
      ? (value as string)
      : undefined;

/** A query for an aggregate. @param where as it stands in a query */
export const queryOf = (list: string, wanted: Aggregate, where?: string): string =>
  `{ ${fieldOf(`${list}Aggregate`, wanted, where)} }`;

/** A field that aggregates, as it is selected. */
export function fieldOf(
  name: string,
  { groupBy, measures, having, orderBy, first }: Aggregate,
  where?: string,
): string {
  const keys = groupBy.map(({ field, path }, at) => `k${at}: ${field}${path ? `(path: ${literal(path)})` : ''}`);
  const selected = measures.map(({ measure, field, p }, at) =>
    measure === 'COUNT'
      ? `m${at}: count`
      : `m${at}: ${measure.toLowerCase()}${p === undefined ? '' : `(p: ${p})`} { ${field} }`,
  );
  return `${name}(groupBy: ${literal(groupBy)}, orderBy: ${literal(orderBy)}, first: ${first}${
    having === undefined ? '' : `, having: ${literal(having)}`
  }${where === undefined ? '' : `, where: ${where}`}) {
    groups { ${keys.length === 0 ? '' : `keys { ${keys.join(' ')} }`} ${selected.join(' ')} __typename } truncated totalCount }`;
}

export interface Answer {
  readonly groups: readonly Record<string, Record<string, unknown>>[];
  readonly truncated: boolean;
  readonly totalCount: number;
}

/** What was answered, in the form of {@link aggregate}. Averages are rounded, as the oracle's are. @param raw but not here */
export function answered({ groups, truncated, totalCount }: Answer, { groupBy, measures }: Aggregate, raw = false) {
  return {
    groups: groups.map((group) => ({
      keys: groupBy.map((_, at) => group['keys']![`k${at}`]),
      measures: measures.map(({ measure, field }, at) => {
        const value = measure === 'COUNT' ? group[`m${at}`] : group[`m${at}`]![field!];
        return !raw && ['SUM', 'AVG'].includes(measure) && value !== null ? Number(value) : value;
      }),
    })),
    truncated,
    totalCount,
  };
}

/** An answer, or what the oracle says, in one form: exact numbers without zeros behind them, others to twelve figures. */
export function normal(
  { groups, ...rest }: ReturnType<typeof aggregate>,
  { groupBy, measures }: Aggregate,
  kinds: Kinds,
): object {
  const isExact = (kind: Kind | undefined): boolean => kind === 'bigint' || kind === 'decimal' || kind === 'int';
  const figures = (value: unknown): unknown => Number(Number(value).toPrecision(12));
  return {
    ...rest,
    groups: groups.map(({ keys, measures: values }) => ({
      keys: keys.map((value, at) => {
        const { field, width } = groupBy[at]!;
        return value !== null && width !== undefined && isExact(kinds[field]) ? written(exact(value)) : value;
      }),
      measures: values.map((value, at) => {
        const { measure, field } = measures[at]!;
        if (value === null || (measure !== 'SUM' && measure !== 'AVG')) return value;
        return measure === 'SUM' && isExact(kinds[field!]) ? written(exact(value)) : figures(value);
      }),
    })),
  };
}
