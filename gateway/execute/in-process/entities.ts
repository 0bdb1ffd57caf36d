/**
 * The entities of a subgraph without the detour through its `_entities` field: each representation goes to its type's
 * reference resolver, and what that gives is completed as what it is. Follows `entitiesResolver` of `@apollo/subgraph`,
 * which Pothos uses too, but for one thing: a representation whose resolver throws at once costs its own entity, and
 * not all others of the call.
 */
import { entitiesField } from '@apollo/subgraph/dist/types.js';
import {
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type GraphQLUnionType,
} from 'graphql';
import { abstractCompleter, infoOf, objectCompleter, runField, type FieldPlan, type PlanOf } from './complete.ts';
import type { RootAnswer } from './program.ts';
import { completeAt, Frame, PENDING, type Complete, type Position, type Run } from './run.ts';

type ReferenceResolver = (representation: unknown, context: unknown, info: GraphQLResolveInfo) => unknown;

/** What the call must know of one type of entity. */
interface EntityType {
  readonly resolveReference: ReferenceResolver | undefined;
  readonly position: Position;
}

/** The way round `field`, if it is the `_entities` field that `@apollo/subgraph` or Pothos made. */
export function compileEntities(field: FieldPlan, planOf: PlanOf, schema: GraphQLSchema): RootAnswer | undefined {
  const { definition } = field;
  const { resolve } = definition;
  if (definition.name !== '_entities' || (resolve !== entitiesField.resolve && !isWritten(resolve, APOLLO_ENTITIES)))
    return undefined;
  const union = unionOf(definition.type);
  return union !== undefined && believesTypeName(union) ? entitiesAnswer(field, planOf, schema, union) : undefined;
}

function entitiesAnswer(field: FieldPlan, planOf: PlanOf, schema: GraphQLSchema, union: GraphQLUnionType): RootAnswer {
  const { nodes } = field;
  const types = new Map<string, EntityType>();
  const asUnion: { -readonly [Key in keyof Position]: Position[Key] } = {
    nullable: true,
    typename: undefined,
    name: field.position.name,
    nodes,
    complete: field.position.complete,
  };
  asUnion.complete = abstractCompleter(asUnion, union, planOf, field);
  /** Undefined for what is left to the `_entities` field: interfaces, and names that are no entity's. */
  function entityTypeOf(representation: unknown): EntityType | undefined {
    const name = (representation as { readonly __typename?: unknown }).__typename;
    if (typeof name !== 'string') return undefined;
    let known = types.get(name);
    if (known === undefined) {
      const type = schema.getType(name);
      if (!isObjectType(type) || !schema.isSubType(union, type)) return undefined;
      const position = {
        nullable: true,
        typename: undefined,
        name: field.position.name,
        nodes,
        complete: asUnion.complete,
      };
      position.complete = entityCompleter(type, position, field, planOf, asUnion.complete);
      types.set(name, (known = { resolveReference: resolverOf(type), position }));
    }
    return known;
  }

  return (run) => {
    let representations: readonly unknown[];
    try {
      ({ representations } = field.arguments(run) as { representations: readonly unknown[] });
    } catch {
      return runField(field, run.rootValue, undefined, run); // Fails in the same way, and reports it.
    }
    const found: EntityType[] = [];
    for (const representation of representations) {
      const type = entityTypeOf(representation);
      if (type === undefined) return runField(field, run.rootValue, undefined, run);
      found.push(type);
    }
    return answerEntities(field, found, representations, run);
  };
}

/** Of `[_Entity]!`. */
function unionOf(type: GraphQLOutputType): GraphQLUnionType | undefined {
  const list: unknown = isNonNullType(type) ? type.ofType : undefined;
  const item: unknown = isListType(list) ? list.ofType : undefined;
  return isUnionType(item) ? item : undefined;
}

function answerEntities(
  field: FieldPlan,
  types: readonly EntityType[],
  representations: readonly unknown[],
  run: Run,
): unknown {
  const entities: unknown[] = [];
  const here = new Frame(undefined, field.key, field.position, entities);
  const info = infoOf(field, here.path, run);
  // All are asked before any is completed, so that loaders see the whole batch.
  for (let index = 0; index < types.length; index++) {
    const { resolveReference } = types[index]!;
    const representation = representations[index];
    try {
      entities.push(
        resolveReference === undefined ? representation : resolveReference(representation, run.context, info),
      );
    } catch (error) {
      entities.push(Promise.reject(error as Error));
    }
  }
  for (let index = 0; index < types.length; index++) {
    const completed = completeAt(types[index]!.position, entities[index], here, index, run);
    entities[index] = completed === PENDING ? undefined : completed;
  }
  return entities;
}

/** @param asUnion completes what is no object at all, and so no entity: it says so */
function entityCompleter(
  type: GraphQLObjectType,
  position: Position,
  field: FieldPlan,
  planOf: PlanOf,
  asUnion: Complete,
): Complete {
  const complete = objectCompleter(position, type, planOf, field);
  return (entity, up, key, run) =>
    typeof entity === 'object'
      ? complete(typed(entity as object, type.name), up, key, run)
      : asUnion(entity, up, key, run);
}

/** The entity with its type's name on it, which resolvers of abstract types below it may look for. */
function typed(entity: object, name: string): object {
  const told = (entity as { readonly __typename?: unknown }).__typename;
  if (told === name) return entity;
  if ('__typename' in entity) return { ...entity, __typename: name };
  return Object.defineProperty(entity, '__typename', { value: name });
}

function resolverOf({ extensions }: GraphQLObjectType): ReferenceResolver | undefined {
  return (extensions as { apollo?: { subgraph?: { resolveReference?: ReferenceResolver } } }).apollo?.subgraph
    ?.resolveReference;
}

/**
 * The resolver that `buildSubgraphSchema` makes for each schema, as it is written in `@apollo/subgraph`. A test holds
 * it to the installed version; were it to change, entities would be answered through it, rightly but at a higher price.
 */
const APOLLO_ENTITIES =
  '(_source, { representations }, context, info) => (0, types_1.entitiesResolver)({ representations, context, info })';
const APOLLO_TYPE_NAME = '__resolveType(parent) { return parent.__typename; }';

const isWritten = (resolver: unknown, text: string): boolean =>
  typeof resolver === 'function' && String(resolver).replace(/\s+/g, ' ') === text;

/** Whether the entity union believes the `__typename` that an entity was given; graphql-js does by itself. */
const believesTypeName = ({ resolveType }: GraphQLUnionType): boolean =>
  !resolveType || isWritten(resolveType, APOLLO_TYPE_NAME);
