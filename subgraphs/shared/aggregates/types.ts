/** The GraphQL of aggregates: one builder for all subgraphs, from what a type's columns are. */
import type { EnumRef, InputRef, ObjectRef } from '@pothos/core';
import type { GraphQLResolveInfo } from 'graphql';
import type { SubgraphSchema } from '../builder.ts';
import type { RequestContext } from '../context.ts';
import { WEIGHT } from '../cost.ts';
import { badUserInput } from '../errors.ts';
import type { Condition } from '../filters/condition.ts';
import type { FilterInput } from '../filters/parse.ts';
import { constantOf } from '../order-input.ts';
import { takes, type Scope } from '../scopes.ts';
import {
  hasPercentiles,
  isNumber,
  isOrdered,
  isTime,
  measureName,
  TIME_BUCKETS,
  type Aggregated,
  type AggregatedGroup,
  type AggregatedKind,
  type AggregateRequest,
  type Grouping,
  type Measure,
} from './aggregate.ts';
import { AGGREGATES } from './bounds.ts';
import {
  keyName,
  parseGroupBy,
  parseGroupOrder,
  parseHaving,
  type AggregatedKinds,
  type GroupByInput,
  type GroupOrderInput,
  type HavingInput,
} from './parse.ts';
import { selectedGroups } from './selection.ts';

export interface AggregatedColumn {
  readonly kind: AggregatedKind;
  /** The GraphQL type of its values: a scalar's name, or an enum. */
  readonly type: unknown;
}

export interface AggregatedType {
  /** The GraphQL type of what is aggregated. */
  readonly name: string;
  /** What the names of the types of groups begin with, where `<name>Group` may be a type of its own. @default `name` */
  readonly stem?: string;
  /** What there is, in the plural, for descriptions. */
  readonly items: string;
  /** By field. */
  readonly columns: Readonly<Record<string, AggregatedColumn>>;
  /** What one must have been granted to read its list. */
  readonly scope?: Scope | undefined;
}

/** The arguments of an aggregate as they come. */
export interface AggregateArguments {
  readonly where?: FilterInput | null;
  readonly groupBy?: readonly GroupByInput[] | null;
  readonly having?: HavingInput | null;
  readonly orderBy?: readonly GroupOrderInput[] | null;
  readonly first?: number | null;
}

/** What an aggregate asks for, but for the rows that it is of. */
type AsksOfRows = Omit<AggregateRequest, 'where'>;

interface AggregateShape {
  readonly groups: readonly GroupShape[];
  readonly truncated: boolean;
  readonly total: number | undefined;
}
interface GroupShape extends AggregatedGroup {
  readonly by: readonly Grouping[];
}
/** Measures of one kind, and of which group. */
interface MeasuresShape {
  readonly group: GroupShape;
  readonly named: (column: string) => string;
}

/* eslint-disable @typescript-eslint/no-explicit-any -- fields come from columns, so their types cannot be known to the compiler */
type AnyRef = ObjectRef<any, any>;
type Fields = { field(options: any): any; arg: any };
type InputFields = { field(options: any): any };

/** What one type's aggregates are asked with and answer. */
interface AggregateType {
  readonly ref: ObjectRef<any, AggregateShape>;
  readonly groupBy: InputRef<GroupByInput>;
  readonly having: InputRef<HavingInput>;
  readonly orderBy: InputRef<GroupOrderInput>;
}

const sharedEnums = new WeakMap<SubgraphSchema, { measure: EnumRef<any, any>; bucket: () => EnumRef<any, any> }>();

const MEASURES = {
  COUNT: 'How many rows.',
  SUM: 'The sum of the values.',
  AVG: 'Their average.',
  MIN: 'The least of them.',
  MAX: 'The largest of them.',
  DISTINCT: 'How many there are of which no two are equal.',
  PERCENTILE: 'The least value that at least the share `p` of the values do not exceed.',
} as const;

function enumsOf(subgraph: SubgraphSchema) {
  let made = sharedEnums.get(subgraph);
  if (made !== undefined) return made;
  const { builder } = subgraph;
  const valuesOf = (told: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(told).map(([name, description]) => [name, { value: name, description }]));
  let bucket: EnumRef<any, any> | undefined;
  made = {
    measure: builder.enumType('AggregateMeasure', {
      description: 'What is taken of the rows of a group. All but `COUNT` pass over rows without a value.',
      values: valuesOf(MEASURES) as never,
    }),
    bucket: () =>
      (bucket ??= builder.enumType('TimeBucket', {
        description: 'How long the buckets are that times are put into.',
        values: valuesOf(
          Object.fromEntries(
            TIME_BUCKETS.map((each) => [
              each,
              each === 'WEEK'
                ? 'Weeks, from Monday on.'
                : `${each[0]}${each.slice(1).toLowerCase()}s of the clock or the calendar.`,
            ]),
          ),
        ) as never,
      })),
  };
  sharedEnums.set(subgraph, made);
  return made;
}

const kindsOf = (columns: AggregatedType['columns']): AggregatedKinds =>
  Object.fromEntries(Object.entries(columns).map(([field, { kind }]) => [field, kind]));

/** Defines `<Type>Aggregate` and what belongs to it. */
function aggregateType(subgraph: SubgraphSchema, { name, stem = name, items, columns }: AggregatedType): AggregateType {
  const { builder, shared } = subgraph;
  const all = Object.entries(columns);
  const some = (is: (kind: AggregatedKind) => boolean) => all.filter(([, { kind }]) => is(kind));
  const enums = enumsOf(subgraph);
  /** Measures cost nothing beside the group that they are of. */
  const free = { cost: { weight: 0 } };
  void shared.BigInt;

  const field = builder.enumType(`${name}AggregateField`, {
    description: `What ${items} are grouped and measured by.`,
    values: Object.fromEntries(
      all.map(([each]) => [constantOf(each), { value: each, description: `\`${each}\`.` }]),
    ) as never,
  });

  const measures = (
    suffix: string,
    description: string,
    of: typeof all,
    typeOf: (column: AggregatedColumn) => unknown,
    told: (field: string) => string,
    nullable = true,
  ): AnyRef =>
    builder.objectRef<MeasuresShape>(`${stem}${suffix}`).implement({
      description,
      directives: free as never,
      fields: ((t: Fields) =>
        Object.fromEntries(
          of.map(([each, column]) => [
            each,
            t.field({
              type: typeOf(column),
              nullable,
              description: told(each),
              resolve: ({ group, named }: MeasuresShape) => group.measures[named(each)] ?? null,
            }),
          ]),
        )) as never,
    });

  const keys = builder.objectRef<GroupShape>(`${stem}GroupKeys`).implement({
    description: `What the ${items} of a group have in common: what \`groupBy\` names. Null of the group of those without a value.`,
    directives: free as never,
    fields: ((t: Fields) =>
      Object.fromEntries(
        all.map(([each, { kind, type }]) => [
          each,
          t.field({
            type: kind === 'int' ? shared.BigInt : type,
            description: `Their \`${each}\`${isTime(kind) ? ', or when its bucket begins' : isNumber(kind) ? ', or the least number of its bucket' : ''}; null where they have none.`,
            ...(kind === 'json'
              ? {
                  args: {
                    path: t.arg({
                      type: ['String'],
                      required: true,
                      description: 'The path as `groupBy` has it.',
                    }),
                  },
                }
              : {}),
            resolve: (group: GroupShape, { path }: { path?: readonly string[] }) =>
              group.keys[placeOf(group.by, each, path)] ?? null,
          }),
        ]),
      )) as never,
  });

  const numbers = some(isNumber);
  const ordered = some(isOrdered);
  const timed = some(isTime);
  const hasJson = some((kind) => kind === 'json').length > 0;
  const counted = some((kind) => kind !== 'json');
  const numbersType =
    numbers.length === 0
      ? undefined
      : measures(
          'GroupNumbers',
          `A number for each number of ${items}; null where none of them has a value.`,
          numbers,
          ({ kind }) => (kind === 'float' ? 'Float' : shared.Decimal),
          (each) => `Of \`${each}\`; null where no row has one.`,
        );
  const valuesType = (suffix: string, description: string, of: typeof all): AnyRef | undefined =>
    of.length === 0
      ? undefined
      : measures(
          suffix,
          description,
          of,
          ({ type }) => type,
          (each) => `A \`${each}\`; null where no row has one.`,
        );
  const extremesType = valuesType(
    'GroupValues',
    `One of the values of each field of ${items}; null where there are none.`,
    ordered,
  );
  const percentiled = ordered.filter(([, { kind }]) => hasPercentiles(kind));
  const percentileType =
    percentiled.length === ordered.length
      ? extremesType
      : valuesType(
          'GroupPercentiles',
          `One of the values of each number and time of ${items}; null where there are none.`,
          percentiled,
        );
  const distinctType =
    counted.length === 0
      ? undefined
      : measures(
          'GroupDistinct',
          `How many values each field of ${items} has.`,
          counted,
          () => shared.BigInt,
          (each) => `Of \`${each}\`.`,
          false,
        );

  const group = builder.objectRef<GroupShape>(`${stem}Group`).implement({
    description: `${items[0]!.toUpperCase()}${items.slice(1)} that have the same keys, and what is measured of them. Measures pass over what has no value.`,
    fields: ((t: Fields) => {
      const of = (
        kind: Exclude<Measure['kind'], 'percentile' | 'count'>,
        type: AnyRef | undefined,
        description: string,
      ) =>
        type === undefined
          ? {}
          : {
              [kind]: t.field({
                type,
                nullable: false,
                description,
                resolve: (parent: GroupShape): MeasuresShape => ({
                  group: parent,
                  named: (column) => measureName({ kind, column }),
                }),
              }),
            };
      return {
        keys: t.field({
          type: keys,
          nullable: false,
          description: 'What they have in common.',
          resolve: (parent: GroupShape) => parent,
        }),
        count: t.field({
          type: shared.BigInt,
          nullable: false,
          description: 'How many there are.',
          resolve: ({ measures: measured }: GroupShape) => measured['count'],
        }),
        ...of('sum', numbersType, 'Sums, with all their digits.'),
        ...of('avg', numbersType, 'Averages, to 16 digits or more.'),
        ...of('min', extremesType, 'The least values; of texts by code point.'),
        ...of('max', extremesType, 'The largest values, likewise.'),
        ...of('distinct', distinctType, 'How many values there are of which no two are equal.'),
        ...(percentileType === undefined
          ? {}
          : {
              percentile: t.field({
                type: percentileType,
                nullable: false,
                directives: { cost: { weight: WEIGHT.percentile } } as never,
                description:
                  'The least value that at least the share `p` of the values do not exceed: 0.5 is the median, 0 the least, 1 the largest. One of the values, never one between two.',
                args: {
                  p: t.arg({ type: 'Float', required: true, description: 'A share from 0 to 1, such as 0.95.' }),
                },
                resolve: (parent: GroupShape, { p }: { p: number }): MeasuresShape => ({
                  group: parent,
                  named: (column) => measureName({ kind: 'percentile', column, p: p === 0 ? 0 : p }),
                }),
              }),
            }),
      };
    }) as never,
  });

  const ref = builder.objectRef<AggregateShape>(`${name}Aggregate`).implement({
    description: `${items[0]!.toUpperCase()}${items.slice(1)}, counted and measured by group.`,
    directives: free as never,
    fields: ((t: Fields) => ({
      groups: t.field({
        type: [group],
        nullable: { list: false, items: false },
        description: 'The groups. Without `groupBy` there is one, also where nothing matches.',
        resolve: ({ groups }: AggregateShape) => groups,
      }),
      truncated: t.field({
        type: 'Boolean',
        nullable: false,
        description: 'Whether there are more groups than `first` let in.',
        resolve: ({ truncated }: AggregateShape) => truncated,
      }),
      totalCount: t.field({
        type: shared.BigInt,
        description: 'How many groups there are; counted only when selected.',
        resolve: ({ total }: AggregateShape) => total ?? null,
      }),
    })) as never,
  });

  const groupBy = input<GroupByInput>(subgraph, `${stem}GroupBy`, `What ${items} are grouped by.`, (t) => ({
    field: t.field({
      type: field,
      required: true,
      description: 'Equal values are one group; having none is one, too.',
    }),
    ...(timed.length === 0
      ? {}
      : {
          bucket: t.field({ type: enums.bucket(), description: 'Of a time: in buckets as long as this.' }),
          timeZone: t.field({
            type: 'String',
            description: 'By the clocks of which time zone buckets begin, such as `Europe/Berlin`; `UTC` when absent.',
          }),
        }),
    ...(numbers.length === 0
      ? {}
      : {
          width: t.field({
            type: shared.Decimal,
            description: 'Of a number: in buckets as wide as this, from its multiples on.',
          }),
        }),
    ...(hasJson
      ? {
          path: t.field({
            type: ['String'],
            description: 'Of JSON: keys from the outside in, such as `["license"]`. A null there is no value.',
          }),
        }
      : {}),
  }));
  const measured = (t: InputFields, what: string) => ({
    measure: t.field({ type: enums.measure, description: what }),
    field: t.field({ type: field, description: 'What it is of; of `COUNT` nothing.' }),
    ...(percentileType === undefined
      ? {}
      : { p: t.field({ type: 'Float', description: 'Of `PERCENTILE`: a share from 0 to 1, such as 0.95.' }) }),
  });
  const having = input<HavingInput>(
    subgraph,
    `${stem}Having`,
    `Which groups of ${items}, by a measure, such as \`{ measure: COUNT, gt: 1 }\`. All that is given must hold. At most ${AGGREGATES.conditionDepth} levels deep, with ${AGGREGATES.conditions} conditions. A measure that is null matches \`ne\` and \`not\`.`,
    (t, self) => ({
      and: t.field({ type: [self], description: 'All of these must match.' }),
      or: t.field({ type: [self], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: self, description: 'Must not match this.' }),
      ...measured(t, 'The measure, selected or not.'),
      ...Object.fromEntries(
        Object.entries({
          eq: 'Equal to this number (or a text of its digits), text or moment.',
          ne: 'Not equal to this.',
          lt: 'Less than this.',
          lte: 'Less than or equal to this.',
          gt: 'Greater than this.',
          gte: 'Greater than or equal to this.',
        }).map(([operator, description]) => [operator, t.field({ type: 'JSON', description })]),
      ),
      isNull: t.field({ type: 'Boolean', description: 'Whether it is null: no row of the group has a value.' }),
    }),
  );
  const orderBy = input<GroupOrderInput>(
    subgraph,
    `${stem}GroupOrder`,
    `How to sort groups of ${items}: by a \`field\` of \`groupBy\`, or by a \`measure\`. Nulls count as the largest.`,
    (t) => ({
      ...measured(t, 'By this measure, selected or not; by the key of `field` when absent.'),
      ...(hasJson
        ? { path: t.field({ type: ['String'], description: 'The path of a key as `groupBy` has it.' }) }
        : {}),
      direction: t.field({
        type: shared.OrderDirection,
        required: true,
        defaultValue: 'ASC',
        description: 'Which way.',
      }),
    }),
  );
  return { ref: ref as never, groupBy, having, orderBy };
}

function input<Shape extends object>(
  { builder }: SubgraphSchema,
  name: string,
  description: string,
  fields: (t: InputFields, self: InputRef<Shape>) => Record<string, unknown>,
): InputRef<Shape> {
  const ref = builder.inputRef<Shape>(name);
  const implement = ref.implement.bind(ref) as unknown as (options: unknown) => InputRef<Shape>;
  return implement({ description, fields: (t: InputFields) => fields(t, ref as InputRef<Shape>) });
}

const placeOf = (by: readonly Grouping[], field: string, path: readonly string[] | undefined): number => {
  const name = keyName(field, path);
  return by.findIndex((each) => keyName(each.column, each.kind === 'path' ? each.path : undefined) === name);
};

/** What a field that aggregates takes and costs. */
function aggregateOptions(
  t: { arg: unknown },
  { items, scope }: AggregatedType,
  { ref, groupBy, having, orderBy }: AggregateType,
  where: unknown,
) {
  const arg = t.arg as (options: unknown) => any;
  return {
    type: ref as any,
    directives: {
      ...(scope === undefined ? {} : takes(scope)),
      cost: { weight: WEIGHT.aggregate },
      listSize: {
        assumedSize: AGGREGATES.groupsDefault,
        slicingArguments: ['first'],
        sizedFields: ['groups'],
        requireOneSlicingArgument: false,
      },
    },
    args: {
      where: arg({ type: where, description: `Which ${items}; all of them when absent.` }),
      groupBy: arg({
        type: [groupBy],
        description: `By what to group them, at most ${AGGREGATES.groupBy}; all are one group when absent.`,
      }),
      having: arg({ type: having, description: 'Which groups; all of them when absent.' }),
      orderBy: arg({
        type: [orderBy],
        description: `How to sort the groups, the most important first; the largest first when absent. At most ${AGGREGATES.orderFields} levels; keys stand behind them.`,
      }),
      first: arg({
        type: 'Int',
        description: `How many groups to return: 0 to ${AGGREGATES.groupsMost.toLocaleString('en')}; ${AGGREGATES.groupsDefault} when absent.`,
      }),
    },
  };
}
/* eslint-enable @typescript-eslint/no-explicit-any */

/** A root field that counts and measures a list by group. */
export interface AggregateField {
  readonly name: string;
  readonly description: string;
  /** The input type of its argument `where`. */
  readonly where: unknown;
  /** @throws CodedError `BAD_USER_INPUT` */
  readonly conditionOf: (where: FilterInput | null | undefined) => Condition | undefined;
  /** Asks the store. */
  readonly aggregate: (context: RequestContext, request: AggregateRequest) => Promise<Aggregated>;
}

/** Fields that aggregate one type: at the root, and of what leads to its rows. They all have the same types. */
export interface AggregateFields {
  /** What such a field is defined with, but for its name, description and resolver. @param where the input type of its argument `where` */
  options(t: { arg: unknown }, where: unknown): ReturnType<typeof aggregateOptions>;
  /** What an operation asks for there. @throws CodedError `BAD_USER_INPUT` */
  asked(args: AggregateArguments, info: GraphQLResolveInfo): AskedAggregate;
}

export interface AskedAggregate {
  /** Undefined where nothing is asked for that a store knows, such as `__typename` alone. */
  readonly request: AsksOfRows | undefined;
  /** What the field's resolver answers with. */
  answer(found?: Aggregated): object;
}

/** Defines the types of a type's aggregates. */
export function aggregateFields(subgraph: SubgraphSchema, of: AggregatedType): AggregateFields {
  const type = aggregateType(subgraph, of);
  return {
    options: (t, where) => aggregateOptions(t, of, type, where),
    asked: (args, info) => asked(of, args, info),
  };
}

/** Adds the field with its types. */
export function addAggregateField(subgraph: SubgraphSchema, of: AggregatedType, field: AggregateField): void {
  addAggregateRoot(subgraph, aggregateFields(subgraph, of), field);
}

/** Adds the field. */
export function addAggregateRoot(
  { builder }: SubgraphSchema,
  fields: AggregateFields,
  { name, description, where, conditionOf, aggregate }: AggregateField,
): void {
  builder.queryField(name, (t) =>
    t.field({
      ...fields.options(t, where),
      description,
      resolve: (async (_: unknown, args: AggregateArguments, context: RequestContext, info: GraphQLResolveInfo) => {
        const condition = conditionOf(args.where);
        const { request, answer } = fields.asked(args, info);
        return answer(request && (await aggregate(context, { ...request, where: condition })));
      }) as never,
    }),
  );
}

function asked(
  { columns }: AggregatedType,
  { groupBy, having, orderBy, first }: AggregateArguments,
  info: GraphQLResolveInfo,
): AskedAggregate {
  const kinds = kindsOf(columns);
  const size = first ?? AGGREGATES.groupsDefault;
  if (size < 0) throw badUserInput(`\`first\` must not be negative; got ${size}.`);
  if (size > AGGREGATES.groupsMost)
    throw badUserInput(`\`first\` is at most ${AGGREGATES.groupsMost}; got ${size}.`, {
      hint: 'Leave out groups by `having`, or rows by `where`; the largest come first.',
    });
  const groups = parseGroupBy(kinds, groupBy);
  const { condition, measures: conditioned } = parseHaving(kinds, having);
  const order = parseGroupOrder(kinds, groups, orderBy);
  const selected = selectedGroups(info);
  for (const { field, path } of selected.keys)
    if (placeOf(groups, field, path) === -1)
      throw badUserInput(`\`keys\` has \`${keyName(field, path).slice(0, 200)}\`, which \`groupBy\` does not name.`, {
        hint: `Add it to \`groupBy\`, such as \`{ field: ${constantOf(field)}${path === undefined ? '' : `, path: ${JSON.stringify(path)}`} }\`, or take it out of \`keys\`.`,
      });
  const ordered = order.flatMap(({ by }) => ('measure' in by ? [by.measure] : []));
  const measures = distinct([...selected.measures, ...conditioned, ...ordered]);
  if (measures.length > AGGREGATES.measures)
    throw badUserInput(`An aggregate has at most ${AGGREGATES.measures} measures; got ${measures.length}.`);
  // What is read is what is charged: groups where they are selected, else no more than how many there are.
  const limit = groups.length === 0 ? 1 : selected.groups ? size + (selected.truncated ? 1 : 0) : 0;
  const counted = selected.totalCount || (limit === 0 && selected.truncated);
  const request = {
    groups,
    measures: limit === 0 ? distinct(conditioned) : measures,
    having: condition,
    order: limit === 0 ? [] : order,
    limit,
    counted,
  };
  const answer = ({ groups: found, total }: Aggregated = { groups: [], total: undefined }): AggregateShape => ({
    groups: found.slice(0, size).map((group) => ({ ...group, by: groups })),
    truncated: (limit === 0 ? (total ?? 0) : found.length) > size,
    total,
  });
  const isRead = counted || (limit > 0 && (selected.groups || selected.truncated));
  return { request: isRead ? request : undefined, answer };
}

const distinct = (measures: readonly Measure[]): Measure[] => [
  ...new Map(measures.map((measure) => [measureName(measure), measure])).values(),
];
