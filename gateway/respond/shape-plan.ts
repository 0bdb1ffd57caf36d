/**
 * What a shape is compiled to, and the rules that both of its outputs follow: which plan an object of an abstract type
 * has, what is said of a value that is not of its type, and which null needs an error. See shape.ts.
 */
import type { DocumentNode, GraphQLError } from 'graphql';
import type { CodedError } from '#subgraphs/shared/errors.ts';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { Introspect } from './introspection.ts';
import type { LeafCheck } from './leaves.ts';
import type { Progress } from './pauses.ts';
import type { ResponseErrors } from './response-errors.ts';

export type Data = Record<string, unknown>;

export interface FieldPlan {
  /** The key in the data. */
  readonly from: string;
  /** The client's name. */
  readonly to: string;
  /** The client's name as JSON, with the colon. */
  readonly label: string;
  readonly value: ValuePlan;
}

export interface ObjectPlan {
  /** Of the objects that it is for. */
  readonly typeName: string;
  readonly fields: readonly FieldPlan[];
  /** Undefined when there is none. */
  readonly deferred: readonly DeferredPlan[] | undefined;
  /** Why the caller may not see objects of this type; undefined where he may. */
  readonly denial: CodedError | undefined;
}

/** A part of an object that is answered later. */
export interface DeferredPlan {
  readonly label: string;
  /** Whether it is for objects of the named type. */
  readonly applies: (typeName: string) => boolean;
  /** By the type that the object then has: one of which only the interface was known may have become better known. */
  readonly type: ObjectTypePlan;
}

/** What of an answer its caller may see. */
export interface ShownTypes {
  /** Why objects of the type are not shown; undefined where they are. */
  ofType(type: string): CodedError | undefined;
  /** Why the field of objects of the type is not shown; undefined where it is. */
  ofField(type: string, field: string): CodedError | undefined;
}

/** What a value is. Numbers, because every value of every answer is told apart by them. */
export const LEAF = 0;
export const STRING = 1;
export const LIST = 2;
export const OBJECT = 3;
/** From here on: what has no value in the data. */
export const TYPENAME = 4;
export const INTROSPECTION = 5;
export const DENIED = 6;

/** How one value is completed; all have all properties, so that they are one class to the engine. */
export interface ValuePlan {
  /** `STRING` is a leaf that accepts strings, and passes them unchanged. */
  readonly kind:
    typeof LEAF | typeof STRING | typeof LIST | typeof OBJECT | typeof TYPENAME | typeof INTROSPECTION | typeof DENIED;
  readonly nonNull: boolean;
  /** `Type.field`, for messages. */
  readonly fieldName: string;
  /** Of a leaf; of a list, that of its items when they are leaves and need no conversion. */
  readonly check: LeafCheck | undefined;
  /** Of a list. */
  readonly item: ValuePlan | undefined;
  /** Of an object. */
  readonly type: ObjectTypePlan | undefined;
  /** What is asked of the schema. */
  readonly question: DocumentNode | undefined;
  /** What `__typename` is. */
  readonly typeName: string | undefined;
  /** Why the caller may not see it. */
  readonly denial: CodedError | undefined;
}

/** The plans of a selection, by runtime type; each is made when an object of the type first appears. */
export interface ObjectTypePlan {
  /** The name of the one type it can be. */
  readonly only: string | undefined;
  readonly known: Map<string, ObjectPlan>;
  /** Makes the plan for objects of the named type; undefined when none such can be there. */
  make(name: unknown): ObjectPlan | undefined;
}

/** One shaping. The path is that of the value at hand; its first `depth` entries hold. */
export interface ShapeRun {
  readonly errors: ResponseErrors;
  readonly introspect: Introspect;
  /** Where deferred parts are noted; there are none when it is undefined. */
  readonly deferred: DeferredPart[] | undefined;
  readonly path: (string | number)[];
  depth: number;
  readonly progress: Progress;
}

/** A part of one object that is answered later. */
export interface DeferredPart {
  /** The engine's label. */
  readonly label: string;
  /** Where the object is in the answer. */
  readonly path: readonly (string | number)[];
  /**
   * Shapes it. Parts that are deferred within it are noted in `deferred`; null when a null reached the part's own top,
   * undefined when it turns out to be for objects of other types.
   */
  shape(errors: ResponseErrors, introspect: Introspect, deferred: DeferredPart[]): Data | null | undefined;
}

/** The plan of an object's fields; undefined when it cannot be shown, with the error reported. */
export function planOf(value: unknown, plan: ValuePlan, key: string | number, run: ShapeRun): ObjectPlan | undefined {
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof ExactNumber) {
    report(`The value of ${plan.fieldName} should be an object.`, key, run);
    return undefined;
  }
  const type = plan.type!;
  const known = planForType(type, (value as Data).__typename);
  if (known === undefined) report(`The type of ${plan.fieldName} cannot be shown.`, key, run);
  if (known?.denial === undefined) return known;
  reportDenial(known.denial, key, run);
  return undefined;
}

/** The plan for objects of the named type; undefined when none such can be there. */
export function planForType(type: ObjectTypePlan, given: unknown): ObjectPlan | undefined {
  const name = type.only ?? given;
  return type.known.get(name as string) ?? type.make(name);
}

/** Reports a leaf of another type. */
export const reportLeaf = ({ check, fieldName }: ValuePlan, key: string | number, run: ShapeRun): void =>
  report(check!.complaint(fieldName), key, run);

/** Reports what is no list. */
export const reportList = ({ fieldName }: ValuePlan, key: string | number, run: ShapeRun): void =>
  report(`The value of ${fieldName} should be a list.`, key, run);

/** Reports a null where none may be, unless an error says already why it is there. */
export function reportMissing({ fieldName }: ValuePlan, key: string | number, run: ShapeRun): void {
  if (!run.errors.explains(pathTo(key, run)))
    report(`Cannot return null for non-nullable field ${fieldName}.`, key, run);
}

/** Reports what the caller may not see. */
export function reportDenial(denial: CodedError, key: string | number, run: ShapeRun): void {
  const { message, extensions } = denial;
  run.errors.add(message, { path: pathTo(key, run), originalError: denial, extensions });
}

/** Reports what failed of what was asked of the schema. */
export function reportIntrospection(failures: readonly GraphQLError[], key: string | number, run: ShapeRun): void {
  for (const { message, path = [], originalError, extensions } of failures)
    run.errors.addOnce({ message, originalError, extensions }, [...pathTo(key, run), ...path.slice(1)]);
}

/** Reports that the object at hand, which has been shown in part, turned out to be one that may not be. */
export function reportHidden(denial: CodedError | undefined, run: ShapeRun): void {
  const path = run.path.slice(0, run.depth);
  if (denial === undefined)
    run.errors.add('The type of an object cannot be shown.', { path, extensions: { code: 'INTERNAL_SERVER_ERROR' } });
  else run.errors.add(denial.message, { path, originalError: denial, extensions: denial.extensions });
}

/** Whether the list is one of leaves that are right already. Vectors are long: such a list is the answer. */
export function isReadyList(value: readonly unknown[], { check }: ValuePlan): boolean {
  if (check === undefined) return false;
  for (let index = 0; index < value.length; index++) {
    const item = value[index];
    if (item === null || item === undefined || !check.accepts(item)) return false;
  }
  return true;
}

const pathTo = (key: string | number, { path, depth }: ShapeRun): (string | number)[] => [...path.slice(0, depth), key];

function report(message: string, key: string | number, run: ShapeRun): void {
  run.errors.add(message, { path: pathTo(key, run), extensions: { code: 'INTERNAL_SERVER_ERROR' } });
}
