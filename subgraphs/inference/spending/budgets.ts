/** Daily budgets of tokens and money: what a call may come to is reserved before it, and settled after it. */
import { createRequestContext, type RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { tenantOf } from '#subgraphs/shared/tenant-id.ts';
import { costOf, type ModelPrices } from '#subgraphs/shared/model-prices.ts';
import type { Amount, BudgetLedger, DaySums, TokenCount } from '../driver.ts';

export interface BudgetLimits {
  readonly tenantTokens?: number | undefined;
  readonly principalTokens?: number | undefined;
  /** In the currency of the prices. */
  readonly tenantMoney?: number | undefined;
  readonly principalMoney?: number | undefined;
}

export interface BudgetsOptions {
  readonly limits: BudgetLimits;
  readonly prices: ModelPrices;
  readonly ledger: BudgetLedger;
  /** Receives what could not be settled. */
  readonly log: (message: string, error: unknown) => void;
  /** In milliseconds since 1970. @default the system's */
  readonly now?: () => number;
}

/** What is reserved for a call. */
export interface Reservation {
  /** Counts what it took instead; 'all' leaves what was reserved. Never rejects: what cannot be settled is logged. */
  settle(model: string, took: TokenCount | 'all' | 'nothing'): Promise<void>;
}

export class Budgets {
  readonly #options: BudgetsOptions;
  readonly #now: () => number;

  constructor(options: BudgetsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Reserves the most that a call may take. The gateway's own work (indexing) counts for its tenant, and waits for the next day
   * where that has nothing left.
   * @throws CodedError `BUDGET_EXCEEDED`, and what the ledger's store throws
   */
  async reserve(context: RequestContext, model: string, most: TokenCount): Promise<Reservation> {
    const { ledger, log } = this.#options;
    const day = new Date(this.#now()).toISOString().slice(0, 10);
    const reserved = this.#amount(model, most);
    await ledger.add(ofTenant(context), day, reserved, (sums) => this.#check(sums, reserved));
    // What was spent is spent, though nobody waits for the answer any more.
    const { principal, requestId, statements } = ofTenant(context);
    const lasting = createRequestContext(principal, { requestId, statements });
    return {
      settle: async (answered, took) => {
        if (took === 'all') return;
        const spent = took === 'nothing' ? { tokens: 0, money: 0 } : this.#amount(answered, took);
        const difference = { tokens: spent.tokens - reserved.tokens, money: spent.money - reserved.money };
        await ledger
          .add(lasting, day, difference)
          .catch((error: unknown) => log('What a call of a model took could not be settled with its budget.', error));
      },
    };
  }

  #amount(model: string, took: TokenCount): Amount {
    return { tokens: took.inputTokens + took.outputTokens, money: costOf(this.#options.prices, model, took) };
  }

  #check(sums: DaySums, reserved: Amount): void {
    const { tenantTokens, tenantMoney, principalTokens, principalMoney } = this.#options.limits;
    for (const [whose, sum, tokens, money] of [
      ['principal', sums.principal, principalTokens, principalMoney],
      ['tenant', sums.tenant, tenantTokens, tenantMoney],
    ] as const) {
      if (sum === undefined) continue;
      if (tokens !== undefined && sum.tokens > tokens)
        throw this.#exceeded(whose, 'tokens', tokens, sum.tokens - reserved.tokens, reserved.tokens);
      if (money !== undefined && sum.money > money + ROUNDING)
        throw this.#exceeded(whose, 'money', money, sum.money - reserved.money, reserved.money);
    }
  }

  #exceeded(whose: string, unit: 'tokens' | 'money', limit: number, spent: number, asked: number): CodedError {
    const now = this.#now();
    const reset = new Date(now);
    reset.setUTCHours(24, 0, 0, 0);
    const left = shown(Math.max(limit - spent, 0));
    const of = whose === 'tenant' ? 'this tenant' : 'this caller';
    return new CodedError(
      'BUDGET_EXCEEDED',
      `The call may take ${shown(asked)} of ${unit}; of the daily budget of ${of}, ${left} of ${limit} are left.`,
      {
        hint: `It is renewed at ${reset.toISOString()}. Ask for less where something is left, such as a smaller \`maxTokens\`.`,
        extensions: {
          budget: `${whose}-${unit}`,
          limit,
          left,
          resetsAt: reset.toISOString(),
          retryAfterSeconds: Math.ceil((reset.getTime() - now) / 1_000),
        },
      },
    );
  }
}

/** Budgets are the tenant’s, however many projects it has. */
const ofTenant = (context: RequestContext): RequestContext => ({
  ...context,
  principal: { ...context.principal, tenantId: tenantOf(context.principal.tenantId) },
});

/** Sums of fractions. */
const ROUNDING = 1e-9;

const shown = (amount: number): number => Math.round(amount * 1e6) / 1e6;
