/**
 * An operation compiled for one subgraph's schema: for each type of object that it meets, the fields to ask for and
 * what to make of their values. Types are compiled when they are first met.
 */
import {
  defaultFieldResolver,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  TypeNameMetaFieldDef,
  type FieldNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import { emptyObject, type JsonObject } from '../json-object.ts';
import {
  abstractCompleter,
  objectCompleter,
  runField,
  type FieldPlan,
  type ObjectPlan,
  type PlanOf,
} from './complete.ts';
import { FieldCollector, readArguments } from './fields.ts';
import { keptBy, leafCompleter } from './leaf.ts';
import { listCompleter } from './lists.ts';
import { PENDING, type Complete, type OperationInfo, type Position, type Run } from './run.ts';

/** Answers a root field in a way of its own. Gives what `completeAt` gives. */
export type RootAnswer = (run: Run) => unknown;

/** Decides whether a root field has an answer of its own, rather than its resolver's. */
export type RootFieldCompiler = (field: FieldPlan, planOf: PlanOf) => RootAnswer | undefined;

/** All that a program is compiled for. */
export interface ProgramSource extends OperationInfo {
  readonly rootType: GraphQLObjectType;
  /** The values of the variables that `@skip` and `@include` name. */
  readonly conditions: Readonly<Record<string, unknown>>;
}

type MutablePosition = { -readonly [Key in keyof Position]: Position[Key] };

export class Program {
  readonly about: OperationInfo;
  readonly #collector: FieldCollector;
  readonly #root: readonly { readonly field: FieldPlan; readonly answer: RootAnswer | undefined }[];

  constructor(source: ProgramSource, compileRootField: RootFieldCompiler) {
    this.about = source;
    this.#collector = new FieldCollector(source.schema, source.fragments, source.conditions);
    const { fields } = this.#objectPlan(source.rootType, [source.operation]);
    this.#root = fields.map((field) => ({ field, answer: compileRootField(field, this.#planOf(field.nodes)) }));
  }

  /** Asks all root fields at once. The answer is complete when the run is settled. */
  run(run: Run): void {
    const answer = emptyObject();
    run.data = answer;
    for (const { field, answer: own } of this.#root) if (!answerField(field, own, answer, run)) return run.end();
  }

  /** Asks each root field when the one before it is done. */
  async runSerially(run: Run): Promise<void> {
    const answer = emptyObject();
    run.data = answer;
    for (const { field, answer: own } of this.#root) {
      if (!answerField(field, own, answer, run)) return run.end();
      if (!run.isSettled) await run.settled();
      if (run.data === null) return;
    }
  }

  #objectPlan(type: GraphQLObjectType, nodes: readonly Pick<FieldNode, 'selectionSet'>[]): ObjectPlan {
    const selected = this.#collector.collect(
      type,
      nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    );
    const fields = [...selected].flatMap(([key, fieldNodes]) => this.#fieldPlan(type, key, fieldNodes) ?? []);
    return {
      type,
      fields,
      needsFrame: fields.some(
        ({ constant, property, kept }) => constant === undefined && (property === undefined || kept === undefined),
      ),
    };
  }

  #fieldPlan(parentType: GraphQLObjectType, key: string, nodes: FieldNode[]): FieldPlan | undefined {
    const fieldName = nodes[0]!.name.value;
    const isTypeName = fieldName === TypeNameMetaFieldDef.name;
    const definition = isTypeName ? TypeNameMetaFieldDef : parentType.getFields()[fieldName];
    if (definition === undefined) return undefined;
    const bare = nullable(definition.type);
    return {
      key,
      constant: isTypeName ? parentType.name : undefined,
      property: propertyOf(definition),
      definition,
      parentType,
      nodes,
      resolve: definition.resolve ?? defaultFieldResolver,
      arguments: readArguments(definition, nodes[0]!),
      kept: isLeafType(bare) ? keptBy(bare, 'serialize') : undefined,
      position: this.#position(
        definition.type,
        { definition, parentType, nodes },
        this.#planOf(nodes),
        parentType.name,
      ),
    };
  }

  /** What the nodes select of each type, compiled once. */
  #planOf(nodes: readonly FieldNode[]): PlanOf {
    const plans = new Map<GraphQLObjectType, ObjectPlan>();
    return (type) => {
      let plan = plans.get(type);
      if (plan === undefined) plans.set(type, (plan = this.#objectPlan(type, nodes)));
      return plan;
    };
  }

  #position(
    type: GraphQLOutputType,
    field: Pick<FieldPlan, 'definition' | 'parentType' | 'nodes'>,
    planOf: PlanOf,
    typename?: string,
  ): Position {
    const bare = nullable(type);
    const name = `${field.parentType.name}.${field.definition.name}`;
    const position: MutablePosition = {
      nullable: bare === type,
      typename,
      name,
      nodes: field.nodes,
      complete: neverYet,
    };
    if (isListType(bare))
      position.complete = listCompleter(position, this.#position(bare.ofType as GraphQLOutputType, field, planOf));
    else if (isLeafType(bare)) position.complete = leafCompleter(bare);
    else if (isObjectType(bare)) position.complete = objectCompleter(position, bare, planOf, field);
    else position.complete = abstractCompleter(position, bare as GraphQLAbstractType, planOf, field);
    return position;
  }
}

const neverYet: Complete = () => {
  throw new Error('A position has no completer yet.');
};

const nullable = (type: GraphQLOutputType): GraphQLOutputType =>
  isNonNullType(type) ? (type.ofType as GraphQLOutputType) : type;

/**
 * The property that a field without a resolver of its own reads; Pothos gives exposed fields a resolver that does just
 * that.
 */
function propertyOf({ name, resolve, extensions }: GraphQLField<unknown, unknown>): string | undefined {
  if (resolve === undefined || resolve === defaultFieldResolver) return name;
  const { pothosExposedField: exposed, pothosResolveWrapped: isWrapped } = (extensions ?? {}) as Record<
    string,
    unknown
  >;
  return typeof exposed === 'string' && isWrapped === false ? exposed : undefined;
}

/** @returns whether the root may keep its other fields */
function answerField(field: FieldPlan, own: RootAnswer | undefined, answer: JsonObject, run: Run): boolean {
  const completed = field.constant ?? (own === undefined ? runField(field, run.rootValue, undefined, run) : own(run));
  answer[field.key] = completed === PENDING ? undefined : completed;
  return completed !== undefined;
}
