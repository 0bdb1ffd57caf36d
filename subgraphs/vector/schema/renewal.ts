/** Embedding again what another model embedded, for `npm run reindex`; not part of the public API. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { requireSystem } from '#subgraphs/shared/context.ts';
import { storeDisabled } from '#subgraphs/shared/errors.ts';
import { VECTOR } from '../bounds.ts';
import type { RenewalPlan, RenewalState } from '../driver.ts';
import type { VectorSchemaDeps } from './deps.ts';

interface Reindexed {
  readonly state: RenewalState;
  /** Undefined where nothing is left to do. */
  readonly plan: RenewalPlan | undefined;
}

export function addRenewal({ builder }: SubgraphSchema, deps: VectorSchemaDeps): void {
  const inaccessible = true;
  const State = builder.enumType('ReindexState', {
    description: 'Whether there is more to embed again.',
    values: {
      MORE: { description: 'There is.' },
      DONE: { description: 'All is of one model.' },
      ELSEWHERE: { description: 'Another process is at it.' },
    } as const,
    inaccessible,
  });
  const Payload = builder.objectRef<Reindexed>('ReindexVectorsPayload').implement({
    description: 'How far embedding again is.',
    fields: (t) => ({
      state: t.expose('state', { type: State, nullable: false, description: 'Whether there is more to do.' }),
      was: t.string({
        description: 'The models that embedded what is not done; null where all is.',
        resolve: ({ plan }) => plan?.was ?? null,
      }),
      model: t.string({
        description: 'The model that embeds it again; null where nothing is left.',
        resolve: ({ plan }) => plan?.to.model ?? null,
      }),
      done: t.int({
        nullable: false,
        description: 'How many texts it has embedded, approximately.',
        resolve: ({ plan }) => plan?.done ?? 0,
      }),
      total: t.int({
        nullable: false,
        description: 'Of how many.',
        resolve: ({ plan }) => plan?.total ?? 0,
      }),
    }),
    inaccessible,
  });
  builder.mutationFields((t) => ({
    reindexVectors: t.field({
      type: Payload,
      inaccessible,
      description:
        'Embeds again what another model embedded, for about two seconds, and tells how far it is. Called until it is done. For the gateway itself.',
      args: {
        look: t.arg.boolean({ required: true, defaultValue: false, description: 'Only tells how far it is.' }),
      },
      resolve: async (_, { look }, context) => {
        requireSystem(context);
        const { renewer } = deps;
        if (renewer === undefined) throw storeDisabled('The vector store', 'QDRANT_URL or DATABASE_URL');
        const begun = await renewer.plan(false);
        if (begun === undefined) return { state: 'DONE' as const, plan: undefined };
        if (look) return { state: 'MORE' as const, plan: begun };
        const until = performance.now() + VECTOR.renewalStepMs;
        let state: RenewalState = 'MORE';
        while (state === 'MORE' && performance.now() < until)
          state = await renewer.piece(begun, () => context.signal?.aborted === true);
        const plan = await renewer.plan(false);
        return { state: plan === undefined ? ('DONE' as const) : state === 'DONE' ? ('MORE' as const) : state, plan };
      },
    }),
  }));
}
