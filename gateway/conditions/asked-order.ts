/** A list that is sorted by what another store has, as a client asked for it. */
import { GraphQLBoolean, type GraphQLInputObjectType, type GraphQLSchema } from 'graphql';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { APPROXIMATE, selectedIn, type Fragments } from './asked.ts';
import type { FilterValue } from './asking.ts';
import { moreThanRows, type OrderedPage } from './by-keys.ts';
import type { TypeList } from './declared-types.ts';
import { valueOf, type OrderPlace, type Variables } from './filter-places.ts';
import { argumentsOf } from './walkable.ts';

/** Which of its pages. */
export interface AskedPage {
  readonly size: number;
  /** Whether it is read from its end. */
  readonly backward: boolean;
  /** The cursor behind which it begins; before which, where it is read from its end. */
  readonly from: string | null;
}

export interface AskedOrder {
  readonly list: TypeList;
  readonly type: GraphQLInputObjectType;
  readonly where: FilterValue;
  readonly page: AskedPage;
  /** Whether it is asked how many there are. */
  readonly counted: boolean;
  /** Whether what was found before a bound is enough. */
  readonly partial: boolean;
}

/** What it came to. */
export interface WorkedOrder {
  readonly page: OrderedPage;
  /** Why something may be missing. */
  readonly because?: { readonly condition: string; readonly message: string } | undefined;
}

/** @throws CodedError `BAD_USER_INPUT` for what cannot be asked of a list in such an order */
export function askedOrderOf(
  { list, fields }: OrderPlace,
  fragments: Fragments,
  variables: Variables,
  schema: GraphQLSchema,
): AskedOrder {
  if (list === undefined)
    throw badUserInput('A list within an object cannot be sorted by what another store has.', {
      hint: 'Sort the list at the root of the query, with a filter for the object.',
    });
  const more = moreThanRows(fields.keys(), fragments);
  if (more !== undefined)
    throw badUserInput(`\`${more}\` is not told of a list that is sorted by what another store has.`, {
      hint: `Ask for it in a field of its own, without that order.`,
    });
  const [first] = fields;
  const [field, definition] = first!;
  const given = argumentsOf(field, definition, variables);
  const approximate = field.arguments?.find(({ name }) => name.value === APPROXIMATE)?.value;
  const counted = [...fields.keys()].some((each) =>
    [...selectedIn(each, fragments)].some(({ name }) => name.value === 'totalCount'),
  );
  return {
    list,
    type: schema.getType(list.filter) as GraphQLInputObjectType,
    where: (given.get(list.argument)?.value ?? {}) as FilterValue,
    page: pageOf(list, (name) => given.get(name)?.value ?? null),
    counted,
    partial: approximate !== undefined && valueOf(approximate, GraphQLBoolean, variables) === true,
  };
}

function pageOf({ first: byDefault, page }: TypeList, value: (name: string) => unknown): AskedPage {
  const [first, after, last, before] = ['first', 'after', 'last', 'before'].map(value) as [
    number | null,
    string | null,
    number | null,
    string | null,
  ];
  const backward = last !== null;
  if (backward ? first !== null || after !== null : before !== null)
    throw badUserInput('`first` and `last` cannot be mixed.', {
      hint: 'Page forwards with `first` and `after`, or backwards with `last` and `before`.',
    });
  const size = last ?? first ?? byDefault ?? page;
  const name = backward ? 'last' : 'first';
  if (!(size >= 0 && size <= page)) throw badUserInput(`\`${name}\` must be from 0 to ${page}; got ${size}.`);
  return { size, backward, from: backward ? before : after };
}
