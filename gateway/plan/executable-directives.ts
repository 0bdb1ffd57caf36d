/**
 * Directives that subgraphs define for operations (https://spec.graphql.org/October2021/#ExecutableDirectiveLocation).
 * Composition keeps those that all subgraphs define, in the places that they have in common: so each subgraph knows what
 * it is passed. The planner carries those of fields and operations; those of variables it loses, and those of fragments
 * it keeps only in part, since it writes each fragment out where its fields are fetched. So clients may not put them
 * there.
 */
import type { FetchNode, QueryPlan } from '@apollo/query-planner';
import {
  DirectiveLocation,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  parse,
  print,
  stripIgnoredCharacters,
  visit,
  type DirectiveDefinitionNode,
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { mapFetches } from './map-fetches.ts';
import { fieldOf } from './meta-fields.ts';

/** Those that the gateway acts on, and passes to nobody. */
const OWN: ReadonlySet<string> = new Set(['skip', 'include', 'defer', 'stream']);

/** Where a directive is lost, or passed to some subgraphs only. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  DirectiveLocation.FRAGMENT_DEFINITION,
  DirectiveLocation.FRAGMENT_SPREAD,
  DirectiveLocation.INLINE_FRAGMENT,
]);

const OPERATIONS: ReadonlySet<string> = new Set([
  DirectiveLocation.QUERY,
  DirectiveLocation.MUTATION,
  DirectiveLocation.SUBSCRIPTION,
]);

/** The subgraphs' among the directives of a part of an operation. */
export const passedOn = <Directive extends DirectiveNode>(directives: readonly Directive[] = []): Directive[] =>
  directives.filter(({ name }) => !OWN.has(name.value));

/** The API schema without the places from which directives are not passed on. */
export function withPassedLocations(apiSdl: string): string {
  const document = parse(apiSdl, { noLocation: true });
  const isLost = (definition: DirectiveDefinitionNode): boolean =>
    !OWN.has(definition.name.value) && definition.locations.some(({ value }) => NOT_PASSED.has(value));
  if (!document.definitions.some((each) => each.kind === Kind.DIRECTIVE_DEFINITION && isLost(each))) return apiSdl;
  return print({
    ...document,
    definitions: document.definitions.flatMap((definition) => {
      if (definition.kind !== Kind.DIRECTIVE_DEFINITION || !isLost(definition)) return [definition];
      const locations = definition.locations.filter(({ value }) => !NOT_PASSED.has(value));
      return locations.length === 0 ? [] : [{ ...definition, locations }];
    }),
  });
}

/** Where each executable directive of a supergraph may stand. */
export type DirectivePlaces = ReadonlyMap<string, ReadonlySet<string>>;

export const directivePlacesOf = ({ definitions }: DocumentNode): DirectivePlaces =>
  new Map(
    definitions.flatMap((definition) => {
      if (definition.kind !== Kind.DIRECTIVE_DEFINITION) return [];
      const places = definition.locations.map(({ value }) => value).filter((value) => value in EXECUTABLE);
      return places.length === 0 ? [] : [[definition.name.value, new Set(places)]];
    }),
  );

const EXECUTABLE: Readonly<Record<string, true>> = Object.fromEntries(
  [...OPERATIONS, ...NOT_PASSED, DirectiveLocation.FIELD, DirectiveLocation.VARIABLE_DEFINITION].map((place) => [
    place,
    true,
  ]),
);

/**
 * The plan, of which each fetch has the directives of the operation's variables, and of those of the operation what may
 * stand on one of its kind: a mutation's entities are fetched by queries.
 * @param operation the text that was planned
 */
export function restoreDirectives(plan: QueryPlan, operation: string, places: DirectivePlaces): QueryPlan {
  if (places.size === 0 || plan.node === undefined || !operation.includes('@')) return plan;
  const source = parse(operation, { noLocation: true }).definitions.find(
    (definition) => definition.kind === Kind.OPERATION_DEFINITION,
  );
  const ofVariables = new Map(
    (source?.variableDefinitions ?? []).flatMap(({ variable, directives = [] }) =>
      directives.length === 0 ? [] : [[variable.name.value, directives]],
    ),
  );
  if (source === undefined || (ofVariables.size === 0 && (source.directives ?? []).length === 0)) return plan;
  const restored = (fetch: FetchNode): FetchNode => {
    const text = visit(parse(fetch.operation, { noLocation: true }), {
      OperationDefinition: (definition): OperationDefinitionNode => ({
        ...definition,
        directives: definition.directives?.filter(({ name }) =>
          places.get(name.value)?.has(definition.operation.toUpperCase()),
        ),
        variableDefinitions: definition.variableDefinitions?.map((variable) => ({
          ...variable,
          directives: ofVariables.get(variable.variable.name.value) ?? variable.directives,
        })),
      }),
      SelectionSet: () => false,
    });
    const used = new Set<string>();
    visit(text, { VariableDefinition: () => false, Variable: ({ name }) => void used.add(name.value) });
    const kept = visit(text, {
      VariableDefinition: ({ variable }) => (used.has(variable.name.value) ? undefined : null),
    });
    return {
      ...fetch,
      operation: stripIgnoredCharacters(print(kept)),
      variableUsages: fetch.variableUsages?.filter((name) => used.has(name)),
    };
  };
  return mapFetches(plan, (fetch) => [restored(fetch)]);
}

/** One field of an operation, and the types that its object may have. */
interface Use {
  readonly field: FieldNode;
  readonly types: ReadonlySet<string>;
}

/**
 * The fields of an operation that have directives, and those that are one with them in the answer of an object: each
 * with a text that only those share that may be one. They go by a name of their own, so that a value that a directive has
 * changed is not taken for the field that a key or a requirement needs; and so that the planner, to which an interface
 * object's types are one, does not give one type what another's field asks for.
 *
 * @param keyOf equal for fields that validation lets be one
 */
export function directedFields(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  schema: GraphQLSchema,
  keyOf: (field: FieldNode) => string,
): ReadonlyMap<FieldNode, string> {
  const directed = new Map<FieldNode, string>();
  let isAny = false;
  for (const definition of [operation, ...fragments.values()])
    visit(definition, {
      Field: ({ directives }) => {
        isAny ||= passedOn(directives).length > 0;
      },
    });
  const root = schema.getRootType(operation.operation);
  if (!isAny || root === undefined || root === null) return directed;

  const uses = new Map<string, Use[]>();
  const typesOf = (type: GraphQLCompositeType): Set<string> =>
    new Set((isAbstractType(type) ? schema.getPossibleTypes(type) : [type]).map(({ name }) => name));
  const walk = ({ selections }: SelectionSetNode, parent: GraphQLCompositeType): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) continue;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const type = selection.typeCondition && schema.getType(selection.typeCondition.name.value);
        walk(selection.selectionSet, isCompositeType(type) ? type : parent);
        continue;
      }
      const key = keyOf(selection);
      uses.set(key, [...(uses.get(key) ?? []), { field: selection, types: typesOf(parent) }]);
      const definition = fieldOf(parent, selection.name.value);
      const below = definition && getNamedType(definition.type);
      if (selection.selectionSet !== undefined && isCompositeType(below)) walk(selection.selectionSet, below);
    }
  };
  walk(operation.selectionSet, root);
  for (const { typeCondition, selectionSet } of fragments.values()) {
    const type = schema.getType(typeCondition.name.value);
    if (isCompositeType(type)) walk(selectionSet, type);
  }
  for (const group of uses.values()) {
    if (!group.some(({ field }) => passedOn(field.directives).length > 0)) continue;
    for (const [index, cluster] of clustersOf(group).entries())
      if (cluster.some(({ field }) => passedOn(field.directives).length > 0))
        for (const { field } of cluster) directed.set(field, `@${index}`);
  }
  return directed;
}

/** The uses by whether one object may have several of them. */
function clustersOf(uses: readonly Use[]): Use[][] {
  let clusters: { types: Set<string>; uses: Use[] }[] = [];
  for (const use of uses) {
    const meets = clusters.filter(({ types }) => [...use.types].some((type) => types.has(type)));
    const joined = { types: new Set([...use.types, ...meets.flatMap(({ types }) => [...types])]), uses: [use] };
    joined.uses.unshift(...meets.flatMap((cluster) => cluster.uses));
    clusters = [...clusters.filter((cluster) => !meets.includes(cluster)), joined];
  }
  return clusters.map((cluster) => cluster.uses);
}
