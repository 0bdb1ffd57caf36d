/** What a caller has a list sorted by, level by level. */
import { CONDITIONS } from '#gateway/bounds/conditions.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { DeclaredOrder, RankCondition, ValueKind } from './declared-types.ts';

type Direction = 'ASC' | 'DESC';
type Node = Readonly<Record<string, unknown>>;

/** Sorted by how its objects score. */
export interface RankLevel {
  readonly condition: RankCondition;
}

/** Sorted by a value. */
export interface ValueLevel {
  /** What is selected of each object, and where the value is in that. */
  readonly text: string;
  readonly read: (node: Node) => unknown;
  readonly kind: ValueKind;
  readonly direction: Direction;
}

type GivenLevel = Node & { readonly direction?: Direction | null };
/** By their input types. */
type Orders = ReadonlyMap<string, DeclaredOrder>;

/** Costs are counted before variables are known to fit: nothing may stand where a level belongs. */
const givenLevels = (value: unknown): readonly GivenLevel[] =>
  (Array.isArray(value) ? (value as unknown[]) : [value]).filter(
    (level): level is GivenLevel => level !== null && level !== undefined,
  );

/** How many of its fields the list's own store cannot sort by; what says nothing to sort by is one of them. */
export const foreignFields = (order: DeclaredOrder, value: unknown): number =>
  givenLevels(value).filter((level) => order.own || !isPlain(order, level)).length;

const isPlain = ({ ranks, links }: DeclaredOrder, level: GivenLevel): boolean =>
  typeof level['field'] === 'string' &&
  !ranks.has(level['field']) &&
  [...links.keys()].every((name) => level[name] === null || level[name] === undefined);

/** An order by what the list's own store has, without the links that are null: they are nothing that a subgraph knows. */
export function withoutLinks({ links }: Pick<DeclaredOrder, 'links'>, value: unknown): unknown {
  if (Array.isArray(value)) return (value as unknown[]).map((each) => withoutLinks({ links }, each));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !links.has(name)));
}

/**
 * The levels of an order, the most important first: values, or one ranking.
 * @throws CodedError `BAD_USER_INPUT` for what cannot be sorted by so
 */
export function levelsOf(orders: Orders, order: DeclaredOrder, value: unknown): RankLevel | readonly ValueLevel[] {
  const given = givenLevels(value);
  if (given.length > CONDITIONS.orderLevels)
    throw badUserInput(`\`orderBy\` has at most ${CONDITIONS.orderLevels} fields; got ${given.length}.`);
  const levels = given.map((level) => levelOf(orders, order, level));
  const values = levels.filter((level) => 'text' in level);
  const ranked = levels.find((level) => 'condition' in level);
  if (ranked === undefined) {
    if (new Set(values.map(({ text }) => text)).size < values.length)
      throw badUserInput('`orderBy` names a field twice.');
    return values;
  }
  if (levels.length > 1)
    throw badUserInput(`\`orderBy\` has ${ranked.condition.order} beside other fields.`, {
      hint: 'Leave the others out: objects with the same score come in the order of their ids.',
    });
  return ranked;
}

function levelOf(orders: Orders, order: DeclaredOrder, level: GivenLevel): RankLevel | ValueLevel {
  const { direction, ...said } = level;
  const [only, ...more] = Object.entries(said).filter(([, value]) => value !== null && value !== undefined);
  if (only === undefined || more.length > 0)
    throw badUserInput(
      only === undefined
        ? 'Something in `orderBy` does not say what to sort by.'
        : `Something in \`orderBy\` says \`${only[0]}\` and \`${more[0]![0]}\` at once.`,
      { hint: 'Each item of the list says one thing to sort by; the most important comes first.' },
    );
  const [name, value] = only;
  if (direction === null)
    throw badUserInput('Something in `orderBy` has a `direction` of null.', { hint: 'Leave it out for ASC.' });
  const way = direction ?? 'ASC';
  const link = order.links.get(name);
  if (link === undefined) return fieldLevel(order, value as string, way);
  if (link.input === undefined)
    return {
      text: `${name} { totalCount }`,
      read: (node) => (node[name] as Node | null | undefined)?.['totalCount'],
      kind: 'number',
      direction: way,
    };
  if (way === 'DESC')
    throw badUserInput(`\`direction\` stands beside \`${name}\`.`, {
      hint: `It belongs within: \`${name}: { …, direction: DESC }\`.`,
    });
  const inner = levelOf(orders, orders.get(link.input)!, value as GivenLevel);
  if ('condition' in inner) throw badUserInput(`\`${name}\` cannot be sorted by ${inner.condition.order}.`);
  const read = (node: Node): unknown => {
    const there = node[name] as Node | null | undefined;
    return there === null || there === undefined ? null : inner.read(there);
  };
  return { ...inner, text: `${name} { ${inner.text} }`, read };
}

function fieldLevel({ ranks, fields }: DeclaredOrder, value: string, direction: Direction): RankLevel | ValueLevel {
  const condition = ranks.get(value);
  if (condition !== undefined) {
    if (direction === 'ASC') return { condition };
    throw badUserInput(`${condition.order} comes with the greatest score first, and no other way.`, {
      hint: 'Leave `direction` out.',
    });
  }
  const field = fields.get(value);
  if (field === undefined)
    throw badUserInput(`${value} cannot be sorted by beside what another store has.`, {
      hint: `${[...fields.keys()].join(', ') || 'None of its own fields'} can be.`,
    });
  const { name, kind, values } = field;
  return { text: name, read: values === undefined ? (node) => node[name] : placeAmong(name, values), kind, direction };
}

/** Values of an enum come in the order in which it has them. */
const placeAmong =
  (name: string, values: ReadonlyMap<string, number>) =>
  (node: Node): unknown =>
    values.get(node[name] as string);
