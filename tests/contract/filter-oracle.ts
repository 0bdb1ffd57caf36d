/** What filters mean, said without a store, and filters to ask it by. */
import { isDeepStrictEqual } from 'node:util';
import { fc } from '#tests/setup/property.ts';

export type Operators = Record<string, unknown>;
export type Where = Record<string, unknown>;

/** What texts are to be told apart by. */
export const TEXTS = [
  'GraphQL',
  'graphql-js',
  'a_b',
  'a%b',
  'aXb',
  'back\\slash',
  'Über',
  'über',
  'été',
  'x😀y',
  ' .',
  'Zoo',
];

/** As JavaScript reads a pattern, which is not how the stores are given it. */
const oracleOf = (pattern: string): RegExp =>
  pattern.startsWith('(?i)') ? new RegExp(pattern.slice(4), 'isu') : new RegExp(pattern, 'su');

/**
 * Whether a row meets a filter.
 * @param row values by field; a column of JSON is one that `where` has a list for
 * @param moments which fields are moments
 */
export function matches(
  row: Readonly<Record<string, unknown>>,
  where: Where,
  moments: readonly string[] = [],
): boolean {
  return Object.entries(where).every(([name, value]) => {
    if (name === 'and') return (value as Where[]).every((part) => matches(row, part, moments));
    if (name === 'or') return (value as Where[]).some((part) => matches(row, part, moments));
    if (name === 'not') return !matches(row, value as Where, moments);
    if (Array.isArray(value)) return (value as Operators[]).every((condition) => holdsAt(row[name], condition));
    const moment = moments.includes(name);
    return holds(moment ? Date.parse(row[name] as string) : row[name], value as Operators, moment);
  });
}

function holds(value: unknown, operators: Operators, moment: boolean): boolean {
  return Object.entries(operators).every(([operator, operand]) => {
    if (operator === 'not') return !holds(value, operand as Operators, moment);
    if (operator === 'in')
      return (operand as unknown[]).map((one) => (moment ? Date.parse(one as string) : one)).includes(value);
    if (operator === 'notIn') return !holds(value, { in: operand }, moment);
    if (operator === 'ne') return !holds(value, { eq: operand }, moment);
    if (operator === 'isNull') return (value === null) === operand;
    // What follows compares, and nothing compares with what is not there.
    if (value === null && operand !== null) return false;
    if (operator === 'eq' && operand === null) return value === null;
    const other = moment ? Date.parse(operand as string) : operand;
    if (operator === 'eq') return value === other;
    return compares(value, operator, other);
  });
}

/** Of texts and of numbers. */
function compares(value: unknown, operator: string, operand: unknown): boolean {
  if (operator === 'matches') return oracleOf(operand as string).test(String(value));
  if (operator === 'endsWith') return String(value).endsWith(String(operand));
  if (operator === 'contains') return String(value).toLowerCase().includes(String(operand).toLowerCase());
  if (operator === 'startsWith') return String(value).startsWith(String(operand));
  const [a, b] =
    typeof value === 'string'
      ? [Buffer.compare(Buffer.from(value), Buffer.from(String(operand))), 0]
      : [value as number, operand as number];
  return operator === 'gt' ? a > b : operator === 'gte' ? a >= b : operator === 'lt' ? a < b : a <= b;
}

/** A condition on the value at a path. */
function holdsAt(json: unknown, { path, not, ...operators }: Operators): boolean {
  const value = (path as string[]).reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Where)[key] : undefined),
    json,
  );
  const elements = Array.isArray(value) ? (value as unknown[]) : value === undefined ? [] : [value];
  const any = (test: (element: unknown) => boolean): boolean => elements.some(test);
  const one = (operator: string, operand: unknown): boolean => {
    if (operator === 'exists') return (value !== undefined) === operand;
    if (operator === 'ne') return !one('eq', operand);
    if (operator === 'notIn') return !one('in', operand);
    if (operator === 'eq') return one('in', [operand]);
    if (operator === 'in')
      return (operand as unknown[]).some(
        (wanted) => isDeepStrictEqual(value, wanted) || any((element) => isDeepStrictEqual(element, wanted)),
      );
    const type = ['gt', 'gte', 'lt', 'lte'].includes(operator) ? typeof operand : 'string';
    return any((element) => typeof element === type && compares(element, operator, operand));
  };
  return Object.entries(operators).every(([operator, operand]) => one(operator, operand)) !== (not === true);
}

const part = fc.constantFrom('a', 'A', '_', '%', '\\', 'graph', 'GRAPH', 'ü', 'Ü', 'é', '😀', 'a_', 'x', '', '.', "'");
const text = fc.constantFrom(...TEXTS, 'nothing');
const pattern = fc.constantFrom(
  '^a',
  'js$',
  '^a.b$',
  '[_%]',
  '(?i)^(graph|über|zoo)',
  '(?i)ÉTÉ',
  '^.{3}$',
  '\\\\',
  '^\\w+$',
  '^[^a-z]',
  '\\d',
  'a?[x-z]',
  '^(ü|Ü)b',
  '😀',
  '^x.y$',
  '',
  'ql-?j{0,1}',
  '\\W',
  "'",
  '^a*.{2,}$',
);

/** Of a text, {@link TEXTS} or others. @param nots how deep `not` goes */
export const stringFilter = (nots: number): fc.Arbitrary<Operators> =>
  fc.oneof(
    fc.record({ eq: fc.option(text) }),
    fc.record({ ne: fc.option(text) }),
    fc.record({ isNull: fc.boolean() }),
    fc.record({ in: fc.array(text, { maxLength: 3 }) }),
    fc.record({ notIn: fc.array(text, { maxLength: 3 }) }),
    fc.record({ contains: part, startsWith: part, endsWith: part }, { requiredKeys: [] }),
    fc.record({ matches: pattern }),
    fc.record({ lt: text, lte: text, gt: text, gte: text }, { requiredKeys: [] }),
    ...(nots > 0 ? [fc.record({ not: stringFilter(nots - 1) })] : []),
  );

/** Metadata to tell apart: other types, lists, nulls, nested, absent, and keys that mean something elsewhere. */
export const METADATA: readonly Record<string, unknown>[] = [
  {},
  { topic: 'a_b' },
  { topic: 'Über', year: 2024 },
  { topic: ['GraphQL', 1, null], year: '2024' },
  { topic: null, deep: { n: 1 } },
  { topic: { n: 'a%b' }, year: 2019.5 },
  { topic: [['a_b'], { n: 1 }], year: [2018, 2026] },
  { topic: [], year: true, deep: { n: '2026-01-31' } },
  JSON.parse('{"topic": "x😀y", "year": 0, "__proto__": "a", "it\'s \\"a\\"": {"\\\\": "back\\\\slash"}}'),
  { topic: false, year: -3, 1: 'one', deep: { n: '2026-02-01T00:00:00Z' } },
];
const value = fc.constantFrom<unknown>(
  ...TEXTS,
  1,
  2024,
  '2024',
  null,
  true,
  false,
  0,
  -3,
  2019.5,
  [],
  ['GraphQL', 1, null],
  { n: 'a%b' },
  { n: 1 },
  ['a_b'],
  '2026-01-31',
);
const bound = fc.constantFrom<unknown>(...TEXTS, 2019, 2024, 0, -3.5, '2024', '2026-01-31', '2026-02');
const path = fc.constantFrom(
  ['topic'],
  ['year'],
  ['deep', 'n'],
  ['topic', 'n'],
  ['topic', '0'],
  ['topic', '1', 'n'],
  ['1'],
  ['__proto__'],
  ['constructor'],
  ['it\'s "a"', '\\'],
  ['absent'],
);

/** Conditions on metadata as {@link METADATA} is. */
export const metadataFilter: fc.Arbitrary<Operators[]> = fc.array(
  fc
    .tuple(
      path,
      fc.oneof(
        fc.record({ eq: value }),
        fc.record({ ne: value }),
        fc.record({ in: fc.array(value, { maxLength: 3 }) }),
        fc.record({ notIn: fc.array(value, { maxLength: 3 }) }),
        fc.record({ exists: fc.boolean() }),
        fc.record({ lt: bound }),
        fc.record({ gte: bound, lte: bound }),
        fc.record({ gt: bound }),
        fc.record({ contains: part }),
        fc.record({ startsWith: part }),
        fc.record({ endsWith: part }),
        fc.record({ matches: pattern }),
      ),
      fc.option(fc.boolean(), { nil: undefined }),
    )
    .map(([at, operators, not]) => ({ path: at, ...operators, ...(not === undefined ? {} : { not }) })),
  { minLength: 1, maxLength: 2 },
);

/** Filters of some fields, with `and`, `or` and `not` of them. */
export const filterOf = (fields: Record<string, fc.Arbitrary<unknown>>, levels: number): fc.Arbitrary<Where> =>
  fc.record(
    {
      ...fields,
      ...(levels > 0
        ? {
            and: fc.array(filterOf(fields, levels - 1), { maxLength: 2 }),
            or: fc.array(filterOf(fields, levels - 1), { maxLength: 2 }),
            not: filterOf(fields, levels - 1),
          }
        : {}),
    },
    { requiredKeys: [] },
  );
