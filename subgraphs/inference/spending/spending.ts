/** What every call of a model that costs tokens passes: whether there may be one, and what it took. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { estimateTokens, type RecordUsage } from '../calls/usage.ts';
import type { Budgets } from './budgets.ts';

export interface SpendingOptions {
  readonly recordUsage: RecordUsage;
  /** Whether there may be one more call. @throws CodedError `RATE_LIMITED`. @default there may */
  readonly mayCall?: ((context: RequestContext) => Promise<void>) | undefined;
  /** @default none */
  readonly budgets?: Budgets | undefined;
}

/** A call before it is made, with the most that it may take. */
export interface PlannedCall {
  readonly model: string;
  readonly inputCharacters: number;
  readonly outputTokens: number;
}

/**
 * A call that may be made. Exactly one of these is called once it is over, and waited for before anybody is answered: who asks one
 * call after the other never finds what the one before had reserved. None rejects.
 */
export interface BegunCall {
  /** It was answered. */
  took(call: Parameters<RecordUsage>[1]): Promise<void>;
  /** It took nothing: nothing was asked, or it was refused. */
  nothing(): Promise<void>;
  /**
   * It failed. Where nobody waited for its end, what it may have come to counts: the model may have worked until then; else what
   * of it was answered, where anything was.
   */
  failed(error: unknown, answered?: Parameters<RecordUsage>[1]): Promise<void>;
}

export class Spending {
  readonly #options: SpendingOptions;

  constructor(options: SpendingOptions) {
    this.#options = options;
  }

  /** @throws CodedError `RATE_LIMITED`, `BUDGET_EXCEEDED` */
  async begin(context: RequestContext, { model, inputCharacters, outputTokens }: PlannedCall): Promise<BegunCall> {
    const { recordUsage, mayCall, budgets } = this.#options;
    await mayCall?.(context);
    const most = { inputTokens: estimateTokens(inputCharacters), outputTokens };
    const reservation = await budgets?.reserve(context, model, most);
    const took: BegunCall['took'] = async (call) => {
      recordUsage(context, call);
      const counted = call.counted ?? {
        inputTokens: estimateTokens(call.input()),
        outputTokens: estimateTokens(call.output()),
      };
      await reservation?.settle(call.model, counted);
    };
    return {
      took,
      nothing: async () => await reservation?.settle(model, 'nothing'),
      failed: async (error, answered) => {
        const isLeft =
          context.signal?.aborted === true || (error instanceof CodedError && error.code === 'STORE_TIMEOUT');
        if (!isLeft && answered !== undefined) return await took(answered);
        if (answered !== undefined) recordUsage(context, answered);
        await reservation?.settle(model, isLeft ? 'all' : 'nothing');
      },
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
