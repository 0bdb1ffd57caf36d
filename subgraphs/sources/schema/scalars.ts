/** Scalars of values that JavaScript's own types would change: they are texts all the way. */
import { GraphQLError, Kind, type ValueNode } from 'graphql';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { ValueKind } from '../driver.ts';

interface TextScalar {
  readonly name: string;
  readonly description: string;
  readonly specifiedBy: string;
  readonly form: RegExp;
  readonly example: string;
}

const RFC3339 = 'https://www.rfc-editor.org/rfc/rfc3339';
const ISO8601 = 'https://www.iso.org/iso-8601-date-and-time-format.html';

/** The forms are checked here; whether there is such a day, the store says. */
const TEXTS: Partial<Record<ValueKind, TextScalar>> = {
  date: {
    name: 'Date',
    description:
      'A day of the calendar as ISO 8601 text, such as `2026-01-31`; `infinity` and `-infinity` where a store has them.',
    specifiedBy: RFC3339,
    form: /^\d{4,6}-\d\d-\d\d( BC)?$|^-?infinity$/,
    example: '2026-01-31',
  },
  localMoment: {
    name: 'LocalDateTime',
    description: 'A day and a time of no time zone as ISO 8601 text, such as `2026-01-31T09:30:00`.',
    specifiedBy: ISO8601,
    form: /^\d{4,6}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( BC)?$|^-?infinity$/,
    example: '2026-01-31T09:30:00',
  },
  localTime: {
    name: 'LocalTime',
    description: 'A time of day of no time zone as ISO 8601 text, such as `09:30:00`.',
    specifiedBy: ISO8601,
    form: /^\d\d:\d\d(:\d\d(\.\d{1,9})?)?$/,
    example: '09:30:00',
  },
  time: {
    name: 'Time',
    description: 'A time of day with its distance from UTC as ISO 8601 text, such as `09:30:00+02`.',
    specifiedBy: ISO8601,
    form: /^\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[-+]\d\d(:?\d\d)?)$/,
    example: '09:30:00+02',
  },
  duration: {
    name: 'Duration',
    description: 'A length of time as ISO 8601 text, such as `P1DT12H`.',
    specifiedBy: ISO8601,
    form: /^-?P[-\dYMWDTHS.]{1,60}$/,
    example: 'P1DT12H',
  },
  bytes: {
    name: 'Bytes',
    description: 'Bytes as base64.',
    specifiedBy: 'https://www.rfc-editor.org/rfc/rfc4648#section-4',
    form: /^[A-Za-z0-9+/]*={0,2}$/,
    example: 'AAEC',
  },
};

/** The API's type of a kind of values; scalars are made when a source first has such a column. */
export function scalarNames({ builder, shared }: SubgraphSchema): (kind: ValueKind) => string {
  const made = new Set<string>();
  const own: Partial<Record<ValueKind, string>> = {
    boolean: 'Boolean',
    int: 'Int',
    float: 'Float',
    text: 'String',
    other: 'String',
    id: 'ID',
    moment: 'DateTime',
    json: 'JSON',
  };
  return (kind) => {
    if (kind === 'bigint') {
      void shared.BigInt;
      return 'BigInt';
    }
    if (kind === 'decimal') {
      void shared.Decimal;
      return 'Decimal';
    }
    const scalar = TEXTS[kind];
    if (scalar === undefined) return own[kind] ?? 'String';
    const { name, description, specifiedBy, form, example } = scalar;
    if (!made.has(name)) {
      made.add(name);
      const parse = (value: unknown): string => {
        const text = typeof value === 'number' || value instanceof ExactNumber ? String(value) : value;
        if (typeof text !== 'string' || !form.test(text))
          throw new GraphQLError(
            `${name} must be a text such as ${JSON.stringify(example)}; got ${JSON.stringify(text)?.slice(0, example.length * 8)}.`,
          );
        return text;
      };
      builder.scalarType(
        name as never,
        {
          description,
          specifiedByURL: specifiedBy,
          serialize: (value: unknown) => value,
          parseValue: parse,
          parseLiteral: (node: ValueNode) =>
            parse(
              node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT ? node.value : undefined,
            ),
        } as never,
      );
    }
    return name;
  };
}
