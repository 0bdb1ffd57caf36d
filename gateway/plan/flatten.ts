/**
 * Writes an operation in the form that is easiest to plan: no named fragments, each field once, and below an abstract
 * type one fragment for each object type. It means the same. The planner fails on some operations because of how they
 * are written (it merges its own fetches in an order that makes a cycle), and then plans them in this form. It is not
 * used at once, for it can be much longer.
 */
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  print,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { PLAN } from '#gateway/bounds/plan.ts';
import { fieldOf } from './meta-fields.ts';
import { matchesCondition } from './type-conditions.ts';

/** An operation and its fragments. */
export interface OperationPart {
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

/**
 * How fields below an abstract type are asked for: as they are written; those of an interface for all of its types,
 * though the client wants them of some (the planner cannot always follow what an interface object requires from one
 * type on); or each of each object type.
 */
export type FlatForm = 'plain' | 'wide' | 'exploded';

class TooLong extends Error {}

/** @returns undefined when the flat form would be too long */
export function flattenOperation(
  { operation, fragments }: OperationPart,
  schema: GraphQLSchema,
  form: FlatForm,
): OperationPart | undefined {
  const root = schema.getRootType(operation.operation);
  if (root === undefined || root === null) return undefined;
  try {
    const selectionSet = new Flattener(schema, fragments, form).flatten([operation.selectionSet], root);
    return { operation: { ...operation, selectionSet }, fragments: new Map() };
  } catch (error) {
    if (error instanceof TooLong) return undefined;
    throw error;
  }
}

class Flattener {
  readonly #schema: GraphQLSchema;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #form: FlatForm;
  #count = 0;

  constructor(schema: GraphQLSchema, fragments: ReadonlyMap<string, FragmentDefinitionNode>, form: FlatForm) {
    this.#schema = schema;
    this.#fragments = fragments;
    this.#form = form;
  }

  flatten(selectionSets: readonly SelectionSetNode[], parent: GraphQLCompositeType): SelectionSetNode {
    if (!isAbstractType(parent))
      return {
        kind: Kind.SELECTION_SET,
        selections: this.#fields(selectionSets, parent, (condition) =>
          matchesCondition(this.#schema, parent, condition),
        ),
      };
    const isShared = (condition: string | undefined): boolean => matchesCondition(this.#schema, parent, condition);
    const shared = this.#fields(selectionSets, parent, isShared);
    const explodes = this.#form === 'exploded';
    const selections: SelectionNode[] = explodes
      ? shared.filter(({ name }) => name.value === '__typename')
      : [...shared];
    for (const type of this.#schema.getPossibleTypes(parent)) {
      const own = this.#fields(
        selectionSets,
        type,
        (condition) => matchesCondition(this.#schema, type, condition),
        explodes ? undefined : isShared,
      );
      for (const [condition, fields] of this.#form === 'wide'
        ? this.#widened(own, type)
        : [[type.name, own] as const]) {
        if (fields.length === 0) continue;
        const typeCondition = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: condition } } as const;
        selections.push({
          kind: Kind.INLINE_FRAGMENT,
          typeCondition,
          directives: [],
          selectionSet: { kind: Kind.SELECTION_SET, selections: fields },
        });
      }
    }
    return { kind: Kind.SELECTION_SET, selections };
  }

  /** The fields of a type by what they are asked of: an interface of the type's, or the type itself. */
  #widened(fields: readonly FieldNode[], type: GraphQLObjectType): Map<string, FieldNode[]> {
    const widened = new Map<string, FieldNode[]>();
    for (const field of fields) {
      const owner =
        type.getInterfaces().find((candidate) => field.name.value in candidate.getFields())?.name ?? type.name;
      const known = widened.get(owner);
      if (known === undefined) widened.set(owner, [field]);
      else known.push(field);
    }
    return widened;
  }

  /**
   * The fields of objects of `type`, each once.
   * @param applies whether a fragment's fields are of the type
   * @param isElsewhere whether the fragments to a field are such that it is asked for without this type
   */
  #fields(
    selectionSets: readonly SelectionSetNode[],
    type: GraphQLCompositeType,
    applies: (condition: string | undefined) => boolean,
    isElsewhere?: (condition: string | undefined) => boolean,
  ): FieldNode[] {
    const found = new Map<string, FieldNode[]>();
    const collect = ({ selections }: SelectionSetNode, isNarrow: boolean): void => {
      for (const selection of selections) {
        if (++this.#count > PLAN.inlinedSelections) throw new TooLong();
        if (selection.kind === Kind.FIELD) {
          if (!isNarrow) continue;
          const key = selection.alias?.value ?? selection.name.value;
          const known = found.get(key);
          if (known === undefined) found.set(key, [selection]);
          else known.push(selection);
          continue;
        }
        const fragment =
          selection.kind === Kind.FRAGMENT_SPREAD ? this.#fragments.get(selection.name.value)! : selection;
        const condition = fragment.typeCondition?.name.value;
        if (!applies(condition)) continue;
        collect(fragment.selectionSet, isNarrow || (isElsewhere !== undefined && !isElsewhere(condition)));
      }
    };
    for (const selectionSet of selectionSets) collect(selectionSet, isElsewhere === undefined);
    return [...found.values()].flatMap((nodes) => {
      const [first] = nodes as [FieldNode, ...FieldNode[]];
      const below = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
      const field = fieldOf(type, first.name.value);
      const named = field === undefined ? undefined : getNamedType(field.type);
      const selectionSet = below.length > 0 && isCompositeType(named) ? this.flatten(below, named) : first.selectionSet;
      // Directives of subgraphs stay where they are: one field can not have what several that are one have together.
      const directives = new Map(nodes.map((node) => [(node.directives ?? []).map(print).join(' '), node.directives]));
      return [...directives.values()].map((own) => ({ ...first, directives: own, selectionSet }));
    });
  }
}
