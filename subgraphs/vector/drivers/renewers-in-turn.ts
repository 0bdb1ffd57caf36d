/** Several collections of one store, embedded again one after the other as if they were one. */
import type { ModelRenewer, RenewalPlan, RenewalState } from '../driver.ts';

interface PlanInTurn extends RenewalPlan {
  readonly parts: readonly { readonly renewer: ModelRenewer; readonly plan: RenewalPlan }[];
}

export class RenewersInTurn implements ModelRenewer {
  readonly #renewers: readonly ModelRenewer[];

  constructor(renewers: readonly ModelRenewer[]) {
    this.#renewers = renewers;
  }

  async plan(free: boolean): Promise<PlanInTurn | undefined> {
    const parts: { renewer: ModelRenewer; plan: RenewalPlan }[] = [];
    for (const renewer of this.#renewers) {
      const plan = await renewer.plan(free);
      if (plan !== undefined) parts.push({ renewer, plan });
    }
    const [first] = parts;
    if (first === undefined) return undefined;
    const plans = parts.map(({ plan }) => plan);
    const all = (of: (plan: RenewalPlan) => string): string => [...new Set(plans.map(of))].join(', ');
    return {
      parts,
      from: [...new Set(plans.flatMap(({ from }) => from))],
      was: all(({ was }) => was),
      to: first.plan.to,
      what: all(({ what }) => what),
      done: plans.reduce((sum, { done }) => sum + done, 0),
      total: plans.reduce((sum, { total }) => sum + total, 0),
    };
  }

  /** @param plan that {@link plan} gave */
  async piece(plan: RenewalPlan, stopping: () => boolean): Promise<RenewalState> {
    for (const part of (plan as PlanInTurn).parts) {
      const state = await part.renewer.piece(part.plan, stopping);
      // What is done already says so at once.
      if (state !== 'DONE') return state;
    }
    return 'DONE';
  }
}
