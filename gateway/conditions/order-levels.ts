/** What a caller has a list sorted by, level by level. */
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { DeclaredOrder, RankCondition } from './declared-types.ts';

type Direction = 'ASC' | 'DESC';

/** Sorted by how its objects score. */
export interface RankLevel {
  readonly kind: 'rank';
  readonly condition: RankCondition;
}
export type Level = RankLevel;

type GivenLevel = Readonly<Record<string, unknown>> & { readonly direction?: Direction | null };

const givenLevels = (value: unknown): readonly GivenLevel[] =>
  value === null || value === undefined ? [] : ((Array.isArray(value) ? value : [value]) as GivenLevel[]);

/** Whether the list's own store cannot sort so, or it is nothing to sort by. */
export const isForeignOrder = (order: DeclaredOrder, value: unknown): boolean =>
  givenLevels(value).some((level) => level === null || !isOwn(order, level));

const isOwn = ({ ranks }: DeclaredOrder, { field }: GivenLevel): boolean =>
  typeof field === 'string' && !ranks.has(field);

/**
 * The levels of an order, the most important first.
 * @throws CodedError `BAD_USER_INPUT` for what cannot be sorted by so
 */
export function levelsOf(order: DeclaredOrder, value: unknown): readonly Level[] {
  const given = givenLevels(value);
  if (given.length > CONDITIONS.orderLevels)
    throw badUserInput(`\`orderBy\` has at most ${CONDITIONS.orderLevels} fields; got ${given.length}.`);
  return given.map((level) => levelOf(order, level, given.length));
}

function levelOf({ ranks }: DeclaredOrder, { field, direction }: GivenLevel, count: number): Level {
  const condition = ranks.get(field as string);
  if (condition === undefined) throw badUserInput('`orderBy` must say what to sort by.');
  if (count > 1)
    throw badUserInput(`\`orderBy\` has ${condition.order} beside other fields.`, {
      hint: `Leave the others out: objects with the same score come in the order of their ids.`,
    });
  if (direction === 'DESC')
    throw badUserInput(`${condition.order} comes with the greatest score first, and no other way.`, {
      hint: 'Leave `direction` out.',
    });
  return { kind: 'rank', condition };
}
