/**
 * What fields cost, for the gateway's limit on operations: `@cost` and `@listSize` of the cost specification
 * (https://ibm.github.io/graphql-specs/cost-spec.html). Said where the rules without them would be wrong: of fields that take
 * more than reading an object, and of lists that have no `first`.
 */
import {
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedDirective,
  type GraphQLDirective,
  type GraphQLSchema,
} from 'graphql';

/** Pothos' type parameter for the two directives. */
export type CostDirectives = {
  cost: { locations: 'FIELD_DEFINITION' | 'OBJECT'; args: { weight: number } };
  listSize: {
    locations: 'FIELD_DEFINITION';
    args: {
      assumedSize?: number;
      slicingArguments?: string[];
      sizedFields?: string[];
      requireOneSlicingArgument?: boolean;
    };
  };
};

/** Weights of what takes more than an object that is read: of each object it is asked of. */
export const WEIGHT = {
  /** A walk through the graph from one entity. */
  walk: 10,
  /** Reading all rows of a tenant that match, to count them by what they have. */
  aggregate: 20,
  /** Sorting a group's values for one of them. */
  percentile: 1,
  /** Ranking all of a tenant's vectors against one. */
  similar: 20,
  /** Embedding words, and ranking by meaning and by keyword. */
  search: 50,
  /** Reading a text and ranking its sentences, or asking a model. */
  summary: 100,
  /** Embedding one text. */
  embedding: 5,
  /** A call of a model. */
  model: 500,
} as const;

/** The names of federation directives that a schema uses, to import them. */
export function usedDirectives(schema: GraphQLSchema): string[] {
  const used = new Set<string>();
  const add = ({ extensions }: { readonly extensions: unknown }): void => {
    const { directives } = extensions as { directives?: readonly { name: string }[] | Record<string, unknown> };
    for (const name of Array.isArray(directives)
      ? (directives as { name: string }[]).map((directive) => directive.name)
      : Object.keys(directives ?? {}))
      // What GraphQL itself has needs no link.
      if (!isSpecifiedDirective({ name } as GraphQLDirective)) used.add(`@${name}`);
  };
  for (const type of Object.values(schema.getTypeMap())) {
    add(type);
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      add(field);
      for (const argument of 'args' in field ? field.args : []) add(argument);
    }
  }
  return [...used].sort();
}
