/** Telling whose API keys are: absent from the public API, and for the gateway alone, where this subgraph runs apart from it. */
import { requireSystem } from '#subgraphs/shared/context.ts';
import type { PresentedKey } from '#subgraphs/shared/api-key.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { EndedKey, KnownKey } from '#subgraphs/shared/ports.ts';
import { RELATIONAL } from '../bounds.ts';
import type { SchemaParts } from './entity.ts';

const inaccessible = true;

export function addVerification({ builder, keys }: SchemaParts): void {
  const verified = builder.objectRef<KnownKey>('VerifiedApiKey').implement({
    description: 'Whose an API key is, and what it may do.',
    inaccessible,
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: "The key's id." }),
      tenantId: t.exposeID('tenantId', { nullable: false, description: 'Its tenant.' }),
      scopes: t.stringList({
        nullable: false,
        description: 'What its holder may do.',
        resolve: ({ scopes }) => [...scopes],
      }),
      expiresAt: t.field({
        type: 'DateTime',
        nullable: false,
        description: 'From when on it opens nothing.',
        resolve: ({ expiresAt }) => new Date(expiresAt),
      }),
    }),
  });
  const ended = builder.objectRef<EndedKey>('EndedApiKey').implement({
    description: 'Whose an API key was that has ended.',
    inaccessible,
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: "The key's id." }),
      tenantId: t.exposeID('tenantId', { nullable: false, description: 'Its tenant.' }),
      reason: t.exposeString('reason', {
        nullable: false,
        description: '`revoked`, `expired`, or `replaced` by another secret.',
      }),
    }),
  });
  const presented = builder.inputRef<PresentedKey>('PresentedApiKeyInput').implement({
    description: 'A key that somebody presents, without its secret.',
    inaccessible,
    fields: (t) => ({
      prefix: t.string({ required: true, description: 'By which it is found.' }),
      digest: t.string({ required: true, description: 'The SHA-256 of its secret, in hexadecimal.' }),
      seal: t.string({ required: true, description: 'What shows that it was made here.' }),
    }),
  });
  builder.queryField('endedApiKey', (t) =>
    t.field({
      type: ended,
      inaccessible,
      description: 'Whose a key was that was made here and has ended; null for any other.',
      args: { key: t.arg({ type: presented, required: true, description: 'What somebody presents.' }) },
      resolve: async (_, args, context) => {
        requireSystem(context);
        return (await keys().store.ended(context, args.key)) ?? null;
      },
    }),
  );
  builder.queryField('verifiedApiKeys', (t) =>
    t.field({
      type: [verified],
      nullable: { list: true, items: true },
      inaccessible,
      description:
        'The keys that hold, of whatever tenants, in the order in which they are given; null for others. Notes that they are used.',
      args: {
        keys: t.arg({ type: [presented], required: true, description: `At most ${RELATIONAL.keysVerified}.` }),
      },
      resolve: async (_, args, context) => {
        requireSystem(context);
        if (args.keys.length > RELATIONAL.keysVerified)
          throw badUserInput(
            `\`keys\` has ${args.keys.length} items; at most ${RELATIONAL.keysVerified} are accepted.`,
          );
        return (await keys().store.verify(context, args.keys)).map((key) => key ?? null);
      },
    }),
  );
}
