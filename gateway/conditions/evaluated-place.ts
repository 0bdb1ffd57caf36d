/** The filter of one place in an operation, worked out in whichever way can be gone. */
import { getNamedType, GraphQLBoolean, type GraphQLInputObjectType } from 'graphql';
import type { FilterValue } from './asking.ts';
import type { Evaluation } from './evaluation.ts';
import { WalkInstead, type ConditionTrace, type Scope } from './steps.ts';
import { valueOf, type FilterPlace, type Variables } from './filter-places.ts';
import { partsOf, type FilterParts } from './terms.ts';
import { canWalk, isTooCostly, walked } from './walk.ts';
import { walkOf, type WalkedList } from './walkable.ts';

/** A filter without conditions on other stores. */
export interface EvaluatedFilter {
  readonly filter: unknown;
  /** The bound before which it ended, where the client takes what was found by then. */
  readonly because?: { readonly condition: string; readonly message: string };
}

interface WalkedPlace {
  readonly walk: WalkedList;
  readonly parts: FilterParts;
}

/** @throws ConditionFailed */
export async function evaluatedPlace(
  evaluation: Evaluation,
  place: FilterPlace,
  value: unknown,
  variables: Variables,
): Promise<EvaluatedFilter> {
  const partial = place.approximate !== undefined && valueOf(place.approximate, GraphQLBoolean, variables) === true;
  const walkable = walkedPlace(evaluation, place, value, variables);
  const cut: ConditionTrace[] = [];
  const scope = { partial, onCut: (step: ConditionTrace) => void cut.push(step) };
  const filter = await resolved(evaluation, place, value, walkable, scope);
  const [step] = cut;
  return step === undefined
    ? { filter }
    : { filter, because: { condition: step.condition, message: step.approximate! } };
}

function walkedPlace(
  evaluation: Evaluation,
  place: FilterPlace,
  value: unknown,
  variables: Variables,
): WalkedPlace | undefined {
  const walk = value === null || typeof value !== 'object' ? undefined : walkOf(place, variables);
  if (walk === undefined) return undefined;
  const type = getNamedType(place.type) as GraphQLInputObjectType;
  const parts = partsOf(type, value as FilterValue, evaluation.filters);
  return canWalk(walk.list, parts) ? { walk, parts } : undefined;
}

async function resolved(
  evaluation: Evaluation,
  { type }: FilterPlace,
  value: unknown,
  walkable: WalkedPlace | undefined,
  scope: { readonly partial: boolean; readonly onCut: NonNullable<Scope['onCut']> },
): Promise<unknown> {
  if (walkable !== undefined) {
    const { walk, parts } = walkable;
    for (const glanced of [false, true]) {
      try {
        return await evaluation.resolve(type, value, { walk: walk.first + 1, glanced, ...scope });
      } catch (error) {
        if (!(error instanceof WalkInstead) && !isTooCostly(error)) throw error;
        const instead = error instanceof WalkInstead ? error : new WalkInstead(Infinity);
        const found = await walked(evaluation, walk, value as FilterValue, parts, { instead, ...scope });
        if (found !== undefined) return found;
        // By then it was counted.
        if (instead.otherwise !== undefined) break;
      }
    }
  }
  return await evaluation.resolve(type, value, scope);
}
