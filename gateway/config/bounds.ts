/** The variables of bounds of resources, and their values. What they bound is said in `gateway/bounds/`. */
import { z } from 'zod';
import { tableOf, type Bounds } from '#subgraphs/shared/bound.ts';
import { BOUNDS, type AllBoundValues, type AllBoundVariables } from '#gateway/bounds/index.ts';

/** A whole number, written in decimal. */
export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be between ${min} and ${max}`);

type Integer = ReturnType<typeof integer>;

type BoundSchemas = {
  readonly [Name in keyof AllBoundVariables]: AllBoundVariables[Name] extends number ? Integer : z.ZodOptional<Integer>;
};

const rooms = Object.values(BOUNDS as Readonly<Record<string, Bounds<unknown>>>).map(tableOf);

/**
 * One variable for each bound that an operator may set.
 * @param sections the headings of docs/configuration.md, by the names that tables of bounds have for them
 */
export const boundVariables = (sections: Readonly<Record<string, string>>): BoundSchemas =>
  Object.fromEntries(
    rooms.flatMap(({ section, entries }) =>
      Object.values(entries).flatMap((bound): [string, z.ZodType][] => {
        if (bound.variable === undefined) return [];
        const { variable, what: description, default: value, min, max } = bound;
        const heading = sections[section];
        if (heading === undefined) throw new Error(`${variable} stands under ${section}, which has no heading.`);
        const meta = { section: heading, description };
        const schema = integer(min, max);
        return value === undefined
          ? [[variable, schema.optional().meta({ ...meta, absent: bound.absent })]]
          : [[variable, schema.meta({ ...meta, default: String(value) })]];
      }),
    ),
  ) as BoundSchemas;

/** What operators set, by room. */
export const boundValues = (env: Partial<AllBoundVariables>): AllBoundValues =>
  Object.fromEntries(
    Object.entries(BOUNDS as Readonly<Record<string, Bounds<unknown>>>).map(([room, table]) => [
      room,
      Object.fromEntries(
        Object.entries(tableOf(table).entries).flatMap(([name, { variable }]) =>
          variable === undefined ? [] : [[name, env[variable as keyof AllBoundVariables]]],
        ),
      ),
    ]),
  ) as AllBoundValues;
