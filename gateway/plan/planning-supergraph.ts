/**
 * The supergraph as the planner is given it. Two faults of `@apollo/query-planner` 2.14 are mended by writing the same
 * supergraph another way:
 *
 * - It re-enters a subgraph by the first key of a type that has no external field, even one that is `resolvable:
 *   false`. So resolvable keys come first.
 * - It tells fields apart by their response names alone, so that a `@requires` of a field with arguments means whatever
 *   else asks for that field: another `@requires`, or the client. So each such field stands beside its own stand-in
 *   (`required-fields.ts`).
 */
import type { QueryPlan } from '@apollo/query-planner';
import { Kind, parse, print, type ConstDirectiveNode, type DefinitionNode, type DocumentNode } from 'graphql';
import { directivePlacesOf, restoreDirectives, withPassedLocations } from './executable-directives.ts';
import { withIncrementalDirectives } from './incremental-directives.ts';
import { oneOfObjectsOf, withOneOf, withoutOneOf } from './one-of.ts';
import { standInForRequired, type RequiredFields } from './required-fields.ts';
import { restoreRequired } from './restore-required.ts';
import { refuseRootRequirements } from './root-requires.ts';
import { refuseUnsupportedFeatures } from './supported-features.ts';

export interface PlanningSupergraph {
  /** What to build the planner of. */
  readonly sdl: string;
  /** The API schema that the planner made of `sdl`, without what clients must not see. */
  apiSdl(planners: string): string;
  /** A plan of that planner, for the operation of this text, as a plan on the real subgraphs. */
  restore(plan: QueryPlan, operation: string): QueryPlan;
}

/** @throws GraphQLError when the text is not SDL; UnsupportedFeatures when the engine does not enforce what it uses; RootRequirements */
export function preparePlanning(supergraphSdl: string): PlanningSupergraph {
  // A planner that never answers, in a test, has no supergraph.
  if (supergraphSdl === '') return { sdl: '', apiSdl: (planners) => planners, restore: (plan) => plan };
  const source = parse(supergraphSdl, { noLocation: true });
  refuseUnsupportedFeatures(source);
  refuseRootRequirements(source, supergraphSdl);
  const oneOf = new Set(oneOfObjectsOf(source).map(({ name }) => name.value));
  const known = withoutOneOf(source);
  const ordered: DocumentNode = { ...known, definitions: known.definitions.map(resolvableKeysFirst) };
  const { document, required } = standInForRequired(ordered);
  const places = directivePlacesOf(source);
  const isChanged =
    oneOf.size > 0 || document.definitions.some((definition, index) => definition !== source.definitions[index]);
  return {
    sdl: isChanged ? print(document) : supergraphSdl,
    apiSdl: (planners) =>
      withIncrementalDirectives(withOneOf(withPassedLocations(withoutStandIns(planners, required)), oneOf)),
    restore: (plan, operation) => restoreDirectives(restoreRequired(plan, required), operation, places),
  };
}

function resolvableKeysFirst(definition: DefinitionNode): DefinitionNode {
  if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
    return definition;
  const { directives = [] } = definition;
  const unresolvable = directives.filter(isUnresolvable);
  if (unresolvable.length === 0) return definition;
  return {
    ...definition,
    directives: [...directives.filter((directive) => !isUnresolvable(directive)), ...unresolvable],
  };
}

const isUnresolvable = ({ name, arguments: given = [] }: ConstDirectiveNode): boolean =>
  name.value === 'join__type' &&
  given.some(
    (argument) => argument.name.value === 'resolvable' && argument.value.kind === Kind.BOOLEAN && !argument.value.value,
  );

function withoutStandIns(apiSdl: string, required: RequiredFields): string {
  if (required.byStandIn.size === 0) return apiSdl;
  const document = parse(apiSdl, { noLocation: true });
  return print({
    ...document,
    definitions: document.definitions.map((definition) =>
      definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION
        ? { ...definition, fields: definition.fields?.filter(({ name }) => !required.byStandIn.has(name.value)) }
        : definition,
    ),
  });
}
