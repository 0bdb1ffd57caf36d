/**
 * Where an operation has `@stream`. The planner knows nothing of it: a plan is the same with it and without, and what is
 * streamed is decided beside it.
 */
import {
  getNamedType,
  isCompositeType,
  isListType,
  isNonNullType,
  Kind,
  visit,
  type DirectiveNode,
  type FieldNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { PLAN } from '#gateway/bounds/plan.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { OperationPart } from './flatten.ts';
import { argumentOf } from './links.ts';
import { fieldOf } from './meta-fields.ts';

/** A list that the client would have item by item. */
export interface StreamedField {
  /** Its response names in the engine, from the root. No other list is on the way. */
  readonly path: readonly string[];
  readonly label: string | undefined;
  /** Undefined where the client says nothing: none. */
  readonly initialCount: ValueNode | undefined;
}

type Variables = Readonly<Record<string, unknown>>;

/** All selections of one field of one object. */
interface Place {
  readonly path: readonly string[];
  /** The deferred parts in which it is selected; undefined stands for none. */
  readonly parts: Set<string | undefined>;
  /** One for each selection. */
  readonly streams: (DirectiveNode | undefined)[];
  isList: boolean;
}

/** Whether the `@stream` holds. Its condition's absence or null means that it does. */
export function isStreamed({ arguments: given = [] }: DirectiveNode, variables: Variables): boolean {
  const condition = given.find(({ name }) => name.value === 'if')?.value;
  if (condition?.kind === Kind.VARIABLE) return variables[condition.name.value] !== false;
  return condition?.kind !== Kind.BOOLEAN || condition.value;
}

/**
 * The lists with `@stream` that an item at a time can be added to: those that are not in another list, and that one part
 * of the answer has to itself. The directive may be ignored for the others.
 * @param part with the `@stream` that hold, and `@defer` with the engine's labels
 */
export function streamedFieldsOf({ operation, fragments }: OperationPart, schema: GraphQLSchema): StreamedField[] {
  const places = new Map<string, Place>();
  const walk = (
    { selections }: SelectionSetNode,
    parent: GraphQLNamedType | undefined,
    path: readonly string[],
    part: string | undefined,
  ): void => {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) meet(selection, parent, path, part);
      else {
        const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
        if (fragment === undefined) continue;
        const condition = fragment.typeCondition?.name.value;
        const inner = condition === undefined ? parent : schema.getType(condition);
        const label = selection.kind === Kind.INLINE_FRAGMENT ? labelOf(selection.directives) : undefined;
        walk(fragment.selectionSet, inner, path, label ?? part);
      }
    }
  };
  const meet = (
    field: FieldNode,
    parent: GraphQLNamedType | undefined,
    above: readonly string[],
    part: string | undefined,
  ): void => {
    const path = [...above, field.alias?.value ?? field.name.value];
    const definition = fieldOf(parent, field.name.value);
    if (definition === undefined) return;
    const bare = isNonNullType(definition.type) ? (definition.type.ofType as unknown) : definition.type;
    const key = path.join(' ');
    let place = places.get(key);
    if (place === undefined) places.set(key, (place = { path, parts: new Set(), streams: [], isList: false }));
    place.parts.add(part);
    place.streams.push(streamOf(field.directives));
    place.isList ||= isListType(bare);
    const below = getNamedType(definition.type);
    if (!isListType(bare) && field.selectionSet !== undefined && isCompositeType(below))
      walk(field.selectionSet, below, path, part);
  };
  walk(operation.selectionSet, schema.getRootType(operation.operation) ?? undefined, [], undefined);

  return [...places.values()]
    .filter(({ streams, parts, isList }) => isList && parts.size === 1 && !streams.includes(undefined))
    .slice(0, PLAN.streams)
    .map(({ path, streams: [stream] }) => {
      const label = argumentOf(stream!, 'label');
      return {
        path,
        label: label?.kind === Kind.STRING ? label.value : undefined,
        initialCount: argumentOf(stream!, 'initialCount'),
      };
    });
}

/** The part without `@stream`. */
export function withoutStreams({ operation, fragments }: OperationPart): OperationPart {
  const visitor = {
    Directive: ({ name }: DirectiveNode) => (name.value === 'stream' ? null : undefined),
  };
  return {
    operation: visit(operation, visitor),
    fragments: new Map([...fragments].map(([name, fragment]) => [name, visit(fragment, visitor)])),
  };
}

/**
 * How many items come first.
 * @throws CodedError `BAD_USER_INPUT` for null, and for less than none
 */
export function initialCountOf({ initialCount, label }: StreamedField, variables: Variables): number {
  if (initialCount === undefined) return 0;
  const given = initialCount.kind === Kind.VARIABLE ? variables[initialCount.name.value] : undefined;
  const count =
    initialCount.kind === Kind.INT
      ? Number(initialCount.value)
      : initialCount.kind === Kind.VARIABLE
        ? given === undefined
          ? 0
          : given
        : null;
  if (typeof count === 'number' && count >= 0) return count;
  const of = label === undefined ? '' : ` (label ${JSON.stringify(label)})`;
  throw badUserInput(
    `\`initialCount\` of \`@stream\`${of} must be a number that is not negative; got ${String(count)}.`,
  );
}

/** The `@stream` among directives; undefined where there is none. */
export const streamOf = (directives: readonly DirectiveNode[] = []): DirectiveNode | undefined =>
  directives.find(({ name }) => name.value === 'stream');

function labelOf(directives: readonly DirectiveNode[] = []): string | undefined {
  const defer = directives.find(({ name }) => name.value === 'defer');
  const label = defer && argumentOf(defer, 'label');
  return label?.kind === Kind.STRING ? label.value : undefined;
}
