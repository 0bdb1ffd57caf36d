/**
 * What a subgraph says of its lists and links, so that lists of one subgraph can be filtered by what another has:
 * docs/cross-store-filters.md is the specification.
 */
import { DirectiveLocation, GraphQLDirective, GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLString } from 'graphql';
import { SHARED } from './bounds.ts';

/** The specification, by which its directives are linked. It names it, and is not fetched. */
export const CONDITIONS_LINK = 'https://tributary.example/specs/conditions/v0.1';

/** Pothos' type parameter for the directives. */
export type ConditionDirectives = {
  lists: { locations: 'FIELD_DEFINITION'; args: ListsArguments };
  leads: { locations: 'FIELD_DEFINITION'; args: LeadsArguments };
  ranks: { locations: 'FIELD_DEFINITION'; args: RanksArguments };
};

export type LeadsArguments = {
  /** The field of its type's filters that takes keys of the other type by `in`. */
  by?: string;
  /** The field of the other type that leads back. */
  back?: string;
  /** Arguments of the field that conditions take too. @default none */
  takes?: string[];
  /** Which of them, of which values, is turned round on the way back: `direction: OUT IN`. @default none */
  turns?: string;
  /** The field of the connection that is true where it lacks some of what there is. @default none */
  cut?: string;
};

type ListsArguments = {
  /** The argument that takes the filter. @default where */
  filter?: string;
  /** The filter's field that takes keys by `in`. @default none: nothing is looked up by this list */
  key?: string;
  /** The most values of such an `in`. @default 500 */
  values?: number;
  /** The most items of one page. @default 200 */
  page?: number;
  /** How many items come where `first` is absent. @default unknown */
  first?: number;
  /** The most items of all its pages together. @default all there are */
  most?: number;
  /**
   * The arguments for which an item's place among the others does not depend on which of them take part: `mode: VECTOR`.
   * @default whatever they are
   */
  steady?: string[];
  /** Fields of the type by which lists of what leads to it can be sorted, where the list is not sorted itself. @default none */
  sorts?: string[];
  /** Further conditions, each a name and the links that it stands for: `entity: document.entities`. */
  through?: string[];
};

export type RanksArguments = {
  /** The argument that takes the filter of what is ranked. @default where */
  filter?: string;
  /** That filter's field that takes keys of the type by `in`. */
  by: string;
  /** The most values of such an `in`. @default 500 */
  values?: number;
  /** The condition that filters of the type gain. */
  condition: string;
  /** Arguments of the field that the condition takes. */
  takes: string[];
  /** Which of them is the least score. */
  least: string;
  /** What lists of the type can be sorted by, as an enum's value. */
  order: string;
  /** The edge's field with the score. @default score */
  score?: string;
  /** The connection's field that is true where some that belong there may be missing. @default none */
  approximate?: string;
  /** The most items of one page. @default 200 */
  page?: number;
  /** The most items of all its pages together. @default all there are */
  most?: number;
};

/** A list in pages of the usual size, in which objects are looked up by this field. */
export const listedBy = (key: string) => ({ key, first: SHARED.pageDefault });

const field = [DirectiveLocation.FIELD_DEFINITION];

/** By name. */
export const CONDITION_DIRECTIVES: ReadonlyMap<string, GraphQLDirective> = new Map(
  [
    new GraphQLDirective({
      name: 'lists',
      description: 'This connection lists the type of its nodes by a filter, which conditions on other types may join.',
      locations: field,
      args: {
        filter: {
          type: new GraphQLNonNull(GraphQLString),
          defaultValue: 'where',
          description: 'The argument that takes the filter.',
        },
        key: {
          type: GraphQLString,
          description:
            "The filter's field that takes keys of the type by `in`; absent where the list is not to be looked up in.",
        },
        values: {
          type: new GraphQLNonNull(GraphQLInt),
          defaultValue: 500,
          description: 'The most values of such an `in`.',
        },
        page: { type: new GraphQLNonNull(GraphQLInt), defaultValue: 200, description: 'The most items of a page.' },
        first: { type: GraphQLInt, description: 'How many items come where `first` is absent.' },
        most: {
          type: GraphQLInt,
          description: 'The most items of all its pages together, where it ends before its end.',
        },
        steady: {
          type: new GraphQLList(new GraphQLNonNull(GraphQLString)),
          description:
            'Arguments, such as `mode: VECTOR`, for which the order of items does not depend on which of them take part; absent where it never does.',
        },
        sorts: {
          type: new GraphQLList(new GraphQLNonNull(GraphQLString)),
          description:
            'Fields of the type by which it can be sorted, and lists of what leads to it; absent where the list has an order of its own.',
        },
        through: {
          type: new GraphQLList(new GraphQLNonNull(GraphQLString)),
          description:
            'Conditions with a name of their own, such as `entity: document.entities`: links, one after the other.',
        },
      },
    }),
    new GraphQLDirective({
      name: 'leads',
      description:
        'This field leads to another type that is listed; filters of its own type may ask for what is there.',
      locations: field,
      args: {
        by: {
          type: GraphQLString,
          description: "The field of its type's filters that takes keys of the other type by `in`.",
        },
        back: { type: GraphQLString, description: 'The field of the other type that leads back.' },
        takes: {
          type: new GraphQLList(new GraphQLNonNull(GraphQLString)),
          description: 'Arguments of this field, which conditions take too; the field that leads back has the same.',
        },
        turns: {
          type: GraphQLString,
          description:
            'Which of them is turned round on the way back, with the two values that change places: `direction: OUT IN`.',
        },
        cut: {
          type: GraphQLString,
          description: 'The field of the connection that is true where it lacks some of what there is.',
        },
      },
    }),
    new GraphQLDirective({
      name: 'ranks',
      description:
        'This connection has objects in the order of a score, the greatest first, equal scores by key; conditions on other types may ask how they score, and their lists be sorted by it.',
      locations: field,
      args: {
        filter: {
          type: new GraphQLNonNull(GraphQLString),
          defaultValue: 'where',
          description: 'The argument that takes the filter of what is ranked.',
        },
        by: {
          type: new GraphQLNonNull(GraphQLString),
          description: "That filter's field that takes keys of the type by `in`.",
        },
        values: {
          type: new GraphQLNonNull(GraphQLInt),
          defaultValue: 500,
          description: 'The most values of such an `in`.',
        },
        condition: {
          type: new GraphQLNonNull(GraphQLString),
          description: 'The condition that filters of the type gain.',
        },
        takes: {
          type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(GraphQLString))),
          description: 'Arguments of this field, which the condition takes.',
        },
        least: { type: new GraphQLNonNull(GraphQLString), description: 'Which of them is the least score.' },
        order: {
          type: new GraphQLNonNull(GraphQLString),
          description: "What lists of the type can be sorted by, as a value of their order's enum.",
        },
        score: {
          type: new GraphQLNonNull(GraphQLString),
          defaultValue: 'score',
          description: "The edge's field with the score.",
        },
        approximate: {
          type: GraphQLString,
          description: "The connection's field that is true where some that belong there may be missing.",
        },
        page: { type: new GraphQLNonNull(GraphQLInt), defaultValue: 200, description: 'The most items of a page.' },
        most: {
          type: GraphQLInt,
          description: 'The most items of all its pages together, where it ends before its end.',
        },
      },
    }),
  ].map((directive) => [directive.name, directive]),
);
