/**
 * Completes values as GraphQL's specification says (https://spec.graphql.org/October2021/#sec-Value-Completion), in the
 * order and with the words of graphql-js, which is what the subgraph would run elsewhere.
 */
import {
  defaultTypeResolver,
  GraphQLError,
  isObjectType,
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
} from 'graphql';
import { inspect } from 'graphql/jsutils/inspect.js';
import { noteStreams } from '#subgraphs/shared/streamed-lists.ts';
import { emptyObject, type JsonObject } from '../json-object.ts';
import type { ArgumentReader } from './fields.ts';
import { keeps, type Kept } from './leaf.ts';
import { absent, completeAt, Frame, isPromise, PENDING, type Complete, type Position, type Run } from './run.ts';

/** One field of one type of object. */
export interface FieldPlan {
  /** The key in the answer. */
  readonly key: string;
  /** What `__typename` answers. */
  readonly constant: string | undefined;
  /** The property of the object that is its value, where it has no resolver of its own. */
  readonly property: string | undefined;
  readonly definition: GraphQLField<unknown, unknown>;
  readonly parentType: GraphQLObjectType;
  readonly nodes: FieldNode[];
  readonly resolve: GraphQLFieldResolver<unknown, unknown>;
  readonly arguments: ArgumentReader;
  readonly kept: Kept;
  readonly position: Position;
}

/** All that is selected of one type of object. */
export interface ObjectPlan {
  readonly type: GraphQLObjectType;
  readonly fields: readonly FieldPlan[];
  /** Whether something below an object surely needs to know where the object is. */
  readonly needsFrame: boolean;
}

/** Knows what is selected of each type of object at one position. */
export type PlanOf = (type: GraphQLObjectType) => ObjectPlan;

type Field = Pick<FieldPlan, 'definition' | 'parentType' | 'nodes'>;

/** What a resolver may ask about its field: the same as in graphql-js. */
export function infoOf(
  { definition, parentType, nodes }: Field,
  path: GraphQLResolveInfo['path'],
  { about, rootValue, variables, streams }: Run,
): GraphQLResolveInfo {
  const info = {
    fieldName: definition.name,
    fieldNodes: nodes,
    returnType: definition.type,
    parentType,
    path,
    schema: about.schema,
    fragments: about.fragments,
    rootValue,
    operation: about.operation,
    variableValues: variables,
  };
  if (streams !== undefined) noteStreams(info, streams);
  return info;
}

/** Asks a field's resolver and completes what it gives. The same in its answer as {@link completeAt}. */
export function runField(field: FieldPlan, source: unknown, here: Frame | undefined, run: Run): unknown {
  const { position, key } = field;
  let value: unknown;
  try {
    const args = field.arguments(run);
    value = field.resolve(
      source,
      args,
      run.context,
      infoOf(field, { prev: here?.path, key, typename: position.typename }, run),
    );
  } catch (error) {
    return failed(field, error, here, run);
  }
  return completeAt(position, value, here, key, run);
}

function failed({ position, key }: FieldPlan, error: unknown, here: Frame | undefined, run: Run): null | undefined {
  run.report(error, position.nodes, here, key);
  return absent(undefined, position, here, key, run);
}

/** Completes an object of the plan's type; gives undefined when a null that is not allowed took it away. */
export function completeFields(
  plan: ObjectPlan,
  source: unknown,
  up: Frame | undefined,
  key: string | number,
  position: Position,
  run: Run,
): JsonObject | undefined {
  if (!run.count()) return undefined;
  const into = emptyObject();
  const { fields } = plan;
  const hasProperties = typeof source === 'object' || typeof source === 'function';
  let here = plan.needsFrame ? new Frame(up, key, position, into) : undefined;
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]!;
    if (field.constant !== undefined) {
      into[field.key] = field.constant;
      continue;
    }
    let completed: unknown;
    if (field.property !== undefined && hasProperties) {
      let value: unknown;
      try {
        value = (source as JsonObject)[field.property];
        if (field.kept !== undefined && keeps(field.kept, value)) {
          if (field.kept === 'text') run.bytes += (value as string).length;
          into[field.key] = value;
          continue;
        }
        here ??= new Frame(up, key, position, into);
        completed =
          typeof value === 'function'
            ? runField(field, source, here, run)
            : completeAt(field.position, value, here, field.key, run);
      } catch (error) {
        here ??= new Frame(up, key, position, into);
        completed = failed(field, error, here, run);
      }
    } else {
      here ??= new Frame(up, key, position, into);
      completed = runField(field, source, here, run);
    }
    if (completed === undefined) {
      here.gone = true;
      return undefined;
    }
    into[field.key] = completed === PENDING ? undefined : completed;
  }
  return into;
}

/** Completes objects of one type. */
export function objectCompleter(position: Position, type: GraphQLObjectType, planOf: PlanOf, field: Field): Complete {
  if (type.isTypeOf) return (value, up, key, run) => completeObject(type, planOf, value, up, key, position, field, run);
  let plan: ObjectPlan | undefined = undefined;
  return (value, up, key, run) => completeFields((plan ??= planOf(type)), value, up, key, position, run);
}

/** Completes an object whose type may want to look at it first. */
export function completeObject(
  type: GraphQLObjectType,
  planOf: PlanOf,
  value: unknown,
  up: Frame | undefined,
  key: string | number,
  position: Position,
  field: Field,
  run: Run,
): unknown {
  if (!type.isTypeOf) return completeFields(planOf(type), value, up, key, position, run);
  const accept = (isOne: unknown): unknown => {
    if (!isOne)
      throw new GraphQLError(`Expected value of type "${type.name}" but got: ${inspect(value)}.`, {
        nodes: field.nodes,
      });
    return completeFields(planOf(type), value, up, key, position, run);
  };
  const isOne = type.isTypeOf(value, run.context, fieldInfo(field, up, key, position, run));
  return isPromise(isOne) ? run.wait(isOne, new Frame(up, key, position), accept) : accept(isOne);
}

/** Completes objects of an interface or a union. */
export function abstractCompleter(
  position: Position,
  type: GraphQLAbstractType,
  planOf: PlanOf,
  field: Field,
): Complete {
  return (value, up, key, run) => {
    const complete = (name: unknown): unknown =>
      completeObject(runtimeType(name, type, value, position, run), planOf, value, up, key, position, field, run);
    const name = (type.resolveType ?? defaultTypeResolver)(
      value,
      run.context,
      fieldInfo(field, up, key, position, run),
      type,
    );
    return isPromise(name) ? run.wait(name, new Frame(up, key, position), complete) : complete(name);
  };
}

/** What the type of a value is told of its field: the path is the field's, also for an item of its list. */
function fieldInfo(
  field: Field,
  up: Frame | undefined,
  key: string | number,
  position: Position,
  run: Run,
): GraphQLResolveInfo {
  let at = { up, key, position };
  while (at.position.typename === undefined) at = at.up!;
  return infoOf(field, { prev: at.up?.path, key: at.key, typename: at.position.typename }, run);
}

function runtimeType(
  name: unknown,
  type: GraphQLAbstractType,
  value: unknown,
  { name: fieldName, nodes }: Position,
  { about: { schema } }: Run,
): GraphQLObjectType {
  if (typeof name !== 'string') throw badTypeName(name, type, value, fieldName, nodes);
  const runtime = schema.getType(name);
  if (runtime === undefined)
    throw new GraphQLError(
      `Abstract type "${type.name}" was resolved to a type "${name}" that does not exist inside the schema.`,
      { nodes },
    );
  if (!isObjectType(runtime))
    throw new GraphQLError(`Abstract type "${type.name}" was resolved to a non-object type "${name}".`, { nodes });
  if (!schema.isSubType(type, runtime))
    throw new GraphQLError(`Runtime Object type "${runtime.name}" is not a possible type for "${type.name}".`, {
      nodes,
    });
  return runtime;
}

function badTypeName(
  name: unknown,
  { name: typeName }: GraphQLAbstractType,
  value: unknown,
  fieldName: string,
  nodes: readonly FieldNode[],
): GraphQLError {
  const must = `Abstract type "${typeName}" must resolve to an Object type at runtime for field "${fieldName}"`;
  if (name === null || name === undefined) {
    return new GraphQLError(
      `${must}. Either the "${typeName}" type should provide a "resolveType" function or each possible type should provide an "isTypeOf" function.`,
      { nodes },
    );
  }
  if (isObjectType(name)) {
    return new GraphQLError(
      'Support for returning GraphQLObjectType from resolveType was removed in graphql-js@16.0.0 please return type name instead.',
    );
  }
  return new GraphQLError(`${must} with value ${inspect(value)}, received "${inspect(name)}".`);
}
