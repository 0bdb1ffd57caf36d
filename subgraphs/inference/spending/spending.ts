/** What every call of a model that costs tokens passes: whether there may be one, and what it took. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { EndedModelCall, ModelObserver, StartedModelCall } from '#subgraphs/shared/model-observer.ts';
import { costOf, type ModelPrices } from '#subgraphs/shared/model-prices.ts';
import { estimateTokens, tokensOf, type RecordUsage } from '../calls/usage.ts';
import type { Budgets } from './budgets.ts';

export interface SpendingOptions {
  readonly recordUsage: RecordUsage;
  /** Whether there may be one more call. @throws CodedError `RATE_LIMITED`. @default there may */
  readonly mayCall?: ((context: RequestContext) => Promise<void>) | undefined;
  /** @default none */
  readonly budgets?: Budgets | undefined;
  /** Told of each call. @default nobody is */
  readonly observe?: ModelObserver | undefined;
  /** What tokens cost, for whoever is told. @default nobody knows */
  readonly prices?: ModelPrices | undefined;
}

/** A call before it is made, with the most that it may take. */
export interface PlannedCall extends Pick<StartedModelCall, 'operation' | 'input'> {
  /** Who runs the model. */
  readonly provider: string;
  /** Undefined where the server alone knows it. */
  readonly model: string | undefined;
  readonly inputCharacters: number;
  readonly outputTokens: number;
}

/**
 * A call that may be made. Exactly one of these is called once it is over, and waited for before anybody is answered: who asks one
 * call after the other never finds what the one before had reserved. None rejects.
 */
export interface BegunCall {
  /** It was answered. */
  took(call: TakenCall): Promise<void>;
  /** It took nothing: nothing was asked, or it was refused. */
  nothing(): Promise<void>;
  /**
   * It failed. Where nobody waited for its end, what it may have come to counts: the model may have worked until then; else what
   * of it was answered, where anything was.
   */
  failed(error: unknown, answered?: TakenCall): Promise<void>;
}

/** What a call took, and what is told of it besides. */
type TakenCall = Parameters<RecordUsage>[1] & Pick<EndedModelCall, 'finishReason'> & { readonly text?: () => string };

export class Spending {
  readonly #options: SpendingOptions;

  constructor(options: SpendingOptions) {
    this.#options = options;
  }

  /** @throws CodedError `RATE_LIMITED`, `BUDGET_EXCEEDED` */
  async begin(context: RequestContext, planned: PlannedCall): Promise<BegunCall> {
    const { operation, provider: server, inputCharacters, outputTokens, input } = planned;
    const model = planned.model ?? UNKNOWN_MODEL;
    const { recordUsage, mayCall, budgets, observe } = this.#options;
    await mayCall?.(context);
    const most = { inputTokens: estimateTokens(inputCharacters), outputTokens };
    const reservation = await budgets?.reserve(context, model, most);
    const ended = observe?.({ operation, server, model: planned.model, parent: context.span, input });
    const took = async (call: TakenCall, error?: unknown): Promise<void> => {
      ended?.({ ...this.#told(call), error });
      recordUsage(context, call);
      await reservation?.settle(call.model, tokensOf(call));
    };
    return {
      took: (call) => took(call),
      nothing: async () => {
        ended?.({});
        await reservation?.settle(model, 'nothing');
      },
      failed: async (error, answered) => {
        const isLeft =
          context.signal?.aborted === true || (error instanceof CodedError && error.code === 'STORE_TIMEOUT');
        if (!isLeft && answered !== undefined) return await took(answered, error);
        ended?.({ ...(answered && this.#told(answered)), error });
        if (answered !== undefined) recordUsage(context, answered);
        await reservation?.settle(model, isLeft ? 'all' : 'nothing');
      },
    };
  }

  #told(call: TakenCall): EndedModelCall {
    const { prices } = this.#options;
    const tokens = tokensOf(call);
    return {
      model: call.model,
      tokens,
      money: prices === undefined || prices.size === 0 ? undefined : costOf(prices, call.model, tokens),
      finishReason: call.finishReason,
      output: call.text,
    };
  }

  /** Makes a call that answers at once; what it took is told by the caller. */
  async call<Answer>(
    context: RequestContext,
    planned: PlannedCall,
    make: () => Promise<Answer>,
  ): Promise<{ answer: Answer; begun: BegunCall }> {
    const begun = await this.begin(context, planned);
    try {
      return { answer: await make(), begun };
    } catch (error) {
      await begun.failed(error);
      throw error;
    }
  }
}

/** What records and prices call a model that its server alone knows. */
export const UNKNOWN_MODEL = 'unknown';
