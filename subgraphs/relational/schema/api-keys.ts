/** API keys: making, rotating, revoking and listing them. */
import { redactApiKeys } from '#subgraphs/shared/api-key.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, forbidden } from '#subgraphs/shared/errors.ts';
import { checkId } from '#subgraphs/shared/ids.ts';
import { SCOPE_FORM } from '#subgraphs/shared/scopes.ts';
import { RELATIONAL } from '../bounds.ts';
import type { ApiKeyRow, ReplacedSecretRow } from '../driver.ts';
import { checkName } from '../input.ts';
import { newKey } from '../keys/secret.ts';
import { addVerification } from './api-key-verification.ts';
import { entityType, rootList, type SchemaParts } from './entity.ts';
import { addMutation } from './mutation.ts';

interface KeyInput {
  name: string;
  scopes?: readonly string[] | null;
  expiresAt?: Date | null;
}

const DAY_MS = 24 * 60 * 60 * 1_000;

interface RotationInput {
  id: string;
  overlapSeconds?: number | null;
}

export function addApiKeys(parts: SchemaParts): void {
  const { builder, loaders } = parts;
  const replaced = builder.objectRef<ReplacedSecretRow>('ReplacedApiKeySecret').implement({
    description: 'A secret that an API key had before its present one.',
    fields: (t) => ({
      prefix: t.exposeString('prefix', { nullable: false, description: 'The part of it that may be seen.' }),
      replacedAt: t.field({
        nullable: false,
        type: 'DateTime',
        description: 'When the key got another.',
        resolve: ({ replacedAt }) => replacedAt,
      }),
      expiresAt: t.field({
        type: 'DateTime',
        nullable: false,
        description: 'From when on it opens nothing; before, where the key ends or is revoked before.',
        resolve: ({ expiresAt }) => expiresAt,
      }),
      lastUsedAt: t.field({
        type: 'DateTime',
        description: 'When it was used last, to a minute; null when it never was.',
        resolve: ({ lastUsedAt }) => lastUsedAt,
      }),
    }),
  });
  entityType(
    parts,
    'ApiKey',
    'What an agent or a service shows to say who it is. The key itself is shown once, when it is made.',
    ['id', 'name', 'prefix', 'createdBy', 'createdAt', 'expiresAt', 'revokedAt', 'lastUsedAt'],
    (t) => ({
      scopes: t.stringList({
        nullable: { list: false, items: false },
        description: 'What its holder may do besides reading.',
        resolve: ({ scopes }) => [...scopes],
      }),
      previousSecrets: t.field({
        directives: { listSize: { assumedSize: RELATIONAL.keySecrets } },
        type: [replaced],
        nullable: { list: true, items: false },
        description: `The secrets that it had before its present one, the last first: at most ${RELATIONAL.keySecrets}. Whether they are still in use says \`lastUsedAt\`.`,
        resolve: ({ id }, _, context) => loaders(context).replacedSecrets.load(id),
      }),
    }),
  );
  rootList(parts, 'ApiKey', 'apiKeys');
  addCreating(parts);
  addRotating(parts);
  addRevoking(parts);
  addVerification(parts);
}

function addCreating(parts: SchemaParts): void {
  const { types, driver, keys } = parts;
  addMutation<KeyInput, { key: ApiKeyRow; secret: string }>(parts, 'createApiKey', {
    takes: 'keys:write',
    description:
      "Makes an API key of the caller's tenant, for an agent or a service. It has scopes that its maker has, and no roles; one that is made with a key ends with that, and is revoked with it.",
    input: 'The key to make.',
    inputFields: (t) => ({
      name: t.string({
        required: true,
        description: `What it is for, for people: 1 to ${RELATIONAL.nameCharacters} characters.`,
      }),
      scopes: t.stringList({
        description: `What its holder may do besides reading: at most ${RELATIONAL.keyScopes} scopes, all of them its maker's. None when absent.`,
      }),
      expiresAt: t.field({
        type: 'DateTime',
        description:
          'From when on it opens nothing: at most `API_KEY_MAX_DAYS` ahead, and no later than the key that makes it. When absent, in `API_KEY_DAYS`, or with that key.',
      }),
    }),
    payload: 'The key that was made.',
    payloadFields: (t) => ({
      key: t.field({
        type: types.ApiKey,
        nullable: false,
        description: 'What is known of it.',
        resolve: (payload) => payload.key,
      }),
      secret: t.string({
        nullable: false,
        description:
          'The key itself, to be sent as `Authorization: Bearer <key>` or `X-API-Key: <key>`. It is shown here and never again.',
        resolve: (payload) => payload.secret,
      }),
    }),
    run: async ({ name, scopes, expiresAt }, context) => {
      const { peppers, most, days, maxDays } = keys();
      const asked = {
        name: nameOfKey(name),
        scopes: grantable(scopes ?? [], context),
        expiresAt: endOf(expiresAt, days, maxDays),
        mayEndEarlier: expiresAt == null,
      };
      const { text, prefix, hash } = newKey(peppers);
      return { key: await driver().createApiKey(context, { ...asked, prefix, hash }, most), secret: text };
    },
  });
}

/**
 * The scopes, each once.
 * @throws CodedError `FORBIDDEN` for one that the caller does not have
 */
function grantable(scopes: readonly string[], { principal }: RequestContext): string[] {
  if (scopes.length > RELATIONAL.keyScopes)
    throw badUserInput(`\`scopes\` has ${scopes.length} items; at most ${RELATIONAL.keyScopes} are accepted.`);
  for (const scope of scopes)
    if (!SCOPE_FORM.test(scope)) throw badUserInput(`\`scopes\` has ${JSON.stringify(scope)}, which is no scope.`);
  const wanted = [...new Set(scopes)];
  const beyond = wanted.filter((scope) => !principal.scopes.includes(scope));
  if (beyond.length > 0)
    throw forbidden('A key cannot have more than its maker.', {
      hint: `The caller does not have ${beyond.join(', ')}.`,
    });
  return wanted;
}

function endOf(expiresAt: Date | null | undefined, days: number, maxDays: number): Date {
  const now = Date.now();
  if (expiresAt == null) return new Date(now + Math.min(days, maxDays) * DAY_MS);
  if (expiresAt.getTime() <= now) throw badUserInput('`expiresAt` must be to come.');
  if (expiresAt.getTime() > now + maxDays * DAY_MS)
    throw badUserInput(`\`expiresAt\` must be within ${maxDays} days.`, { hint: 'API_KEY_MAX_DAYS allows more.' });
  return expiresAt;
}

function addRotating(parts: SchemaParts): void {
  const { types, driver, keys } = parts;
  addMutation<RotationInput, { key: ApiKeyRow; secret: string }>(parts, 'rotateApiKey', {
    takes: 'keys:write',
    description:
      'Gives an API key another secret. It stays the same key, of the same name, scopes and end; its secret before opens the same for a while. The caller has all of its scopes; a key rotates itself and those that were made with it.',
    input: 'The key to rotate.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: "The key's id." }),
      overlapSeconds: t.int({
        description:
          'For how many seconds its secret before, and any before that, still opens something: at most `API_KEY_MAX_OVERLAP_SECONDS`, and no longer than it did. 0 ends them at once. `API_KEY_OVERLAP_SECONDS` when absent.',
      }),
    }),
    payload: 'The key with its other secret.',
    payloadFields: (t) => ({
      key: t.field({
        type: types.ApiKey,
        nullable: false,
        description: 'What is known of it.',
        resolve: (payload) => payload.key,
      }),
      secret: t.string({
        nullable: false,
        description: 'The key as it is sent from now on. It is shown here and never again.',
        resolve: (payload) => payload.secret,
      }),
    }),
    run: async ({ id, overlapSeconds: seconds }, context) => {
      const { peppers, overlap, maxOverlap } = keys();
      const overlapSeconds = overlapOf(seconds, overlap, maxOverlap);
      checkId('ApiKey', id);
      const { text, prefix, hash } = newKey(peppers);
      const key = await driver().rotateApiKey(context, id, { prefix, hash, overlapSeconds });
      return { key, secret: text };
    },
  });
}

function overlapOf(seconds: number | null | undefined, byDefault: number, most: number): number {
  if (seconds == null) return Math.min(byDefault, most);
  if (seconds < 0 || seconds > most)
    throw badUserInput(`\`overlapSeconds\` must be between 0 and ${most}.`, {
      hint: 'API_KEY_MAX_OVERLAP_SECONDS allows more.',
    });
  return seconds;
}

function addRevoking(parts: SchemaParts): void {
  const { types, driver } = parts;
  addMutation<{ id: string }, { key: ApiKeyRow; ids: string[] }>(parts, 'revokeApiKey', {
    takes: 'keys:write',
    description:
      'Revokes an API key with all of its secrets, and all keys that were made with it: within a second they open nothing in any process, and their streams end. Revoking twice is no error.',
    input: 'Which key to revoke.',
    inputFields: (t) => ({ id: t.id({ required: true, description: "The key's id." }) }),
    payload: 'What was revoked.',
    payloadFields: (t) => ({
      key: t.field({ type: types.ApiKey, nullable: false, description: 'The key.', resolve: (payload) => payload.key }),
      revokedIds: t.idList({
        nullable: { list: false, items: false },
        description: 'The ids of all that this call revoked; none of those that were revoked before.',
        resolve: (payload) => payload.ids,
      }),
    }),
    run: async ({ id }, context) => {
      checkId('ApiKey', id);
      return await driver().revokeApiKey(context, id);
    },
  });
}

/** A name is shown to all who may list keys: whoever pastes a key there has mistaken the field. */
function nameOfKey(name: string): string {
  if (redactApiKeys(name) !== name)
    throw badUserInput('`name` holds an API key; names are shown, keys never are.', {
      hint: 'Choose another name, and revoke that key if anybody else may have seen it.',
    });
  return checkName('name', name);
}
