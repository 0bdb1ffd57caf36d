/** What an operation may cost: by what it does, and by whether its sender has said who he is. */
import type { OperationTypeNode } from 'graphql';
import type { ADMISSION } from '#gateway/bounds/admission.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import type { Principal } from '#subgraphs/shared/context.ts';

/** The limit of one operation, in the units of the cost specification. */
export type CostLimit = (type: `${OperationTypeNode}`, principal: Principal) => number;

type Costs = Pick<BoundValues<typeof ADMISSION>, 'cost' | 'mutationCost' | 'subscriptionCost' | 'anonymousCost'>;

/** The limits of the configuration: the least of those that an operation falls under. */
export function costLimits({ cost, mutationCost, subscriptionCost, anonymousCost }: Costs): CostLimit {
  const byType = { query: cost, mutation: mutationCost ?? cost, subscription: subscriptionCost ?? cost };
  return (type, principal) => (principal.anonymous === true ? Math.min(byType[type], anonymousCost) : byType[type]);
}

/** For work that has been admitted elsewhere. */
export const unlimitedCost: CostLimit = () => Infinity;
