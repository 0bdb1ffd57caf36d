/**
 * Holds the operations of an engine to the directives of its supergraph: finds what a caller may be shown, and takes the
 * rest out before anything is planned.
 */
import {
  getNamedType,
  GraphQLError,
  isAbstractType,
  isCompositeType,
  Kind,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import type { OperationPart } from '#gateway/plan/flatten.ts';
import { fieldOf } from '#gateway/plan/meta-fields.ts';
import { partToPlan, withUsedVariables, type SpecialisedOperation } from '#gateway/plan/specialise.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { AUTH } from '#gateway/bounds/auth.ts';
import { AccessRules } from './access-rules.ts';
import { Access, type Grants } from './access.ts';
import { filterOperation, type Withheld } from './filter-operation.ts';
import type { PolicyEvaluator } from './policies.ts';

export interface AuthorizationOptions {
  /** Decides `@policy`. @default nobody, so that what has a policy is shown to nobody */
  policies?: PolicyEvaluator;
  /**
   * What becomes of an operation that selects what its caller may not see: such fields are `null`, each with an error,
   * or the operation is refused as a whole. @default null
   */
  unauthorized?: 'null' | 'refuse';
  /** Told when the evaluator of policies fails. @default nothing */
  log?: (message: string, error?: unknown) => void;
}

const NO_POLICIES: ReadonlySet<string> = new Set();

/** An operation was refused for what it selects. */
export class AccessRefused extends Error {
  /** With paths that have no indices: nothing was asked for. */
  readonly errors: readonly GraphQLError[];

  constructor(withheld: readonly Withheld[], responseNames: ReadonlyMap<string, string>) {
    super('The operation selects what the caller may not see.');
    this.name = 'AccessRefused';
    const told = new Map(withheld.map((each) => [`${each.path.join('.')} ${each.reason.message}`, each]));
    this.errors = [...told.values()].slice(0, AUTH.errors).map(
      ({ path, reason }) =>
        new GraphQLError(reason.message, {
          path: path.map((name) => responseNames.get(name) ?? name),
          originalError: reason,
          extensions: reason.extensions,
        }),
    );
  }
}

export class Authorization {
  readonly #refuses: boolean;
  readonly #rules: AccessRules;
  readonly #schema: GraphQLSchema;
  readonly #options: AuthorizationOptions;
  readonly #whole: Access;

  /** @param schema the API schema of the supergraph */
  constructor(supergraphSdl: string, schema: GraphQLSchema, options: AuthorizationOptions = {}) {
    this.#rules = new AccessRules(supergraphSdl);
    this.#schema = schema;
    this.#options = options;
    this.#whole = new Access(this.#rules, [], undefined);
    this.#refuses = options.unauthorized === 'refuse';
  }

  /** The clauses that the operation may meet, whatever is skipped: what to ask {@link accessOf} for. */
  clausesOf({ operation, fragments }: OperationPart): readonly number[] {
    if (this.#rules.isOpen) return [];
    const clauses = new Set<number>();
    const add = (numbers: Iterable<number>): void => {
      for (const number of numbers) clauses.add(number);
    };
    const walk = ({ selections }: SelectionSetNode, parent: GraphQLCompositeType): void => {
      const possible = [parent, ...(isAbstractType(parent) ? this.#schema.getPossibleTypes(parent) : [])];
      for (const type of possible) add(this.#rules.ofType(type.name));
      for (const selection of selections) {
        if (selection.kind === Kind.FIELD) {
          for (const type of possible) add(this.#rules.ofField(type.name, selection.name.value));
          const definition = fieldOf(parent, selection.name.value);
          const type = definition === undefined ? undefined : getNamedType(definition.type);
          if (selection.selectionSet !== undefined && isCompositeType(type)) walk(selection.selectionSet, type);
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          walk(selection.selectionSet, this.#compositeType(selection.typeCondition?.name.value) ?? parent);
        }
      }
    };
    const root = this.#schema.getRootType(operation.operation);
    if (root !== null && root !== undefined) walk(operation.selectionSet, root);
    for (const { typeCondition, selectionSet } of fragments.values()) {
      const type = this.#compositeType(typeCondition.name.value);
      if (type !== undefined) walk(selectionSet, type);
    }
    return [...clauses].sort((one, other) => one - other);
  }

  /** What the caller may be shown; at once where no policy has to be decided. */
  accessOf(clauses: readonly number[], context: RequestContext): Access | Promise<Access> {
    if (clauses.length === 0) return this.#whole;
    const { principal } = context;
    if (principal.system === true) return new Access(this.#rules, clauses, undefined);
    const policies = new Set<string>();
    for (const number of clauses) {
      const clause = this.#rules.table.at(number);
      if (clause.kind === 'policies') for (const name of clause.anyOf.flat()) policies.add(name);
    }
    const granted = (held: ReadonlySet<string>, policyHint?: string): Access => {
      const grants: Grants = {
        authenticated: principal.anonymous !== true,
        scopes: new Set(principal.scopes),
        policies: held,
        policyHint,
      };
      return new Access(this.#rules, clauses, grants);
    };
    if (policies.size === 0) return granted(NO_POLICIES);
    const evaluate = this.#options.policies;
    if (evaluate === undefined)
      return granted(NO_POLICIES, 'No evaluator of policies is configured: set POLICY_URL, and restart.');
    return (async () => {
      try {
        return granted(new Set(await evaluate([...policies].sort(), context)));
      } catch (error) {
        this.#options.log?.('Policies could not be decided, and are taken not to hold.', error);
        return granted(NO_POLICIES, 'Policies could not be decided; try again later.');
      }
    })();
  }

  /**
   * What of an operation is planned for the caller: what he may see; undefined where nothing is left for a subgraph.
   * @throws AccessRefused where operations are refused as a whole, or a subscription has no event that he may see
   */
  plannedFor(access: Access, { planned, responseNames }: SpecialisedOperation): OperationPart | undefined {
    if (access.isWhole || planned === undefined) return planned;
    const { part, withheld } = filterOperation(planned, access, this.#schema);
    if (withheld.length === 0) return planned;
    const { operation, selectionSet } = part.operation;
    if (this.#refuses || (operation === 'subscription' && selectionSet.selections.length === 0))
      throw new AccessRefused(withheld, responseNames);
    return partToPlan(withUsedVariables(part));
  }

  #compositeType(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : this.#schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }
}
