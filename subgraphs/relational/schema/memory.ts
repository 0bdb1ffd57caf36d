/** What agents and people remember. */
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import { RELATIONAL } from '../bounds.ts';
import type { MemoryFactRow } from '../driver.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { checkId, memoryFactId } from '#subgraphs/shared/ids.ts';
import { checkName, checkText, optionalText, userOf } from '../input.ts';
import { checkRun, entityType, rootItem, rootList, type SchemaParts } from './entity.ts';
import { waitedFields, waiting, waitInputs, type Waited, type WaitInput } from './indexing.ts';
import { addMutation } from './mutation.ts';

export function addMemory(parts: SchemaParts): void {
  const { types, driver, loaders } = parts;
  entityType(
    parts,
    'MemoryFact',
    "One thing that is remembered under a key, in an agent's memory or in the tenant's own. Where it is one user's (`userId`), he alone sees it, and whoever has the scope `memory:all`.",
    ['id', 'userId', 'key', 'value', 'source', 'validFrom', 'validUntil', 'createdAt', 'updatedAt'],
    (t) => ({
      agent: t.field({
        type: types.Agent,
        directives: { leads: { by: 'agentId' } },
        description: "The agent whose memory it is in; null for the tenant's own.",
        resolve: ({ agentId }, _, context) => (agentId === null ? null : loaders(context).byId.Agent.load(agentId)),
      }),
      run: t.field({
        type: parts.stubs.Run,
        directives: { leads: { by: 'runId' } },
        description: 'The run that wrote it; null where nobody said.',
        resolve: ({ runId }) => (runId === null ? null : { id: runId }),
      }),
      supersedes: t.field({
        type: types.MemoryFact,
        description:
          'The fact whose place it took, which holds no longer; null where it took none, or that one is forgotten. `where: { supersedesId }` finds what took the place of one.',
        resolve: ({ supersedesId }, _, context) =>
          supersedesId === null ? null : loaders(context).byId.MemoryFact.load(supersedesId),
      }),
    }),
  );
  rootItem(parts, 'MemoryFact', 'memoryFact', 'remembered fact');
  rootList(parts, 'MemoryFact', 'memoryFacts');

  type Remembered = { fact: MemoryFactRow; waited: Waited };
  interface Input extends WaitInput {
    key: string;
    value: string;
    source?: string | null;
    agentId?: string | null;
    own?: boolean | null;
    userId?: string | null;
    runId?: string | null;
    validFrom?: Date | null;
    validUntil?: Date | null;
    supersedes?: string | null;
  }
  addMutation<Input, Remembered>(parts, 'rememberFact', {
    takes: 'memory:write',
    description:
      'Remembers a value under a key. Remembering the key again replaces value and source; earlier values are not kept, so that ' +
      'forgetting forgets; to keep what was, remember under another key what `supersedes` it, and then it is kept: its key is a CONFLICT until one of both is forgotten. The audit log says when and by whom. Found by meaning (`memoryFacts(where: { similarTo })`) a moment later; at ' +
      'once with `waitFor: VECTOR`.',
    input: 'What to remember.',
    inputFields: (t) => ({
      key: t.string({ required: true, description: 'What the fact is about: 1 to 512 characters.' }),
      value: t.string({ required: true, description: 'What to remember: at most 65,536 characters.' }),
      source: t.string({ description: 'Where it was learned, such as `user` or a URL: at most 512 characters.' }),
      agentId: t.id({ description: "The agent whose memory it goes to; the tenant's own when absent." }),
      own: t.boolean({
        description: "Whether it is the caller's own, which no other user sees; everybody's of the tenant when absent.",
      }),
      userId: t.string({
        description:
          "Whose alone it is, in the place of `own`: the caller's subject, or another user's with the scope `memory:all`. At most 512 characters.",
      }),
      runId: t.id({ description: 'The run that writes it.' }),
      validFrom: t.field({ type: 'DateTime', description: 'From when on it holds.' }),
      validUntil: t.field({
        type: 'DateTime',
        description: 'Until when it holds: behind `validFrom`.',
      }),
      supersedes: t.id({
        description:
          'The fact, under another key, whose place it takes: that one holds until `validFrom`, or until now, and stays there until it is forgotten.',
      }),
      ...waitInputs(t, parts),
    }),
    payload: 'The fact that is remembered.',
    payloadFields: (t) => ({
      fact: t.field({
        type: types.MemoryFact,
        nullable: false,
        description: 'The fact.',
        resolve: (payload) => payload.fact,
      }),
      ...waitedFields(t, parts),
    }),
    run: async ({ key, value, source, agentId, own, userId, waitFor, timeoutMs, ...more }, context) => {
      const wait = waiting(parts, context, { waitFor, timeoutMs });
      if (agentId != null) checkId('Agent', agentId);
      const of = { agentId: agentId ?? null, userId: ownerOf(context, own, userId) };
      const history = await checkHistory(parts, context, more, { ...of, key });
      const fact = await driver().rememberFact(context, {
        ...of,
        key: checkName('key', key),
        value: checkText('value', value, { max: RELATIONAL.valueCharacters, blank: true }),
        source: optionalText('source', source, 512),
        ...history,
      });
      return { fact, waited: await wait([fact.id]) };
    },
  });

  addMutation<{ id: string }, { fact: MemoryFactRow }>(parts, 'forgetFact', {
    takes: 'memory:write',
    description: 'Removes a remembered fact for good.',
    input: 'Which fact to forget.',
    inputFields: (t) => ({ id: t.id({ required: true, description: "The fact's id." }) }),
    payload: 'The fact that was forgotten.',
    payloadFields: (t) => ({
      deletedIds: t.idList({ ...DELETED_IDS, resolve: ({ fact }) => [fact.id] }),
      fact: t.field({
        type: types.MemoryFact,
        nullable: false,
        description: 'The fact as it was.',
        resolve: (payload) => payload.fact,
      }),
    }),
    run: async ({ id }, context) => ({ fact: await driver().forgetFact(context, id) }),
  });
}

/**
 * Whose alone a fact is to be; null for everybody's.
 * @throws CodedError `FORBIDDEN` for another user's without the scope `memory:all`, `BAD_USER_INPUT`
 */
function ownerOf(
  context: RequestContext,
  own: boolean | null | undefined,
  userId: string | null | undefined,
): string | null {
  if (own !== true && userId == null) return null;
  if (own != null && userId != null)
    throw badUserInput('`own` and `userId` say the same in two ways.', {
      hint: "Say `own: true` of what is the caller's own, or `userId` of what is a user's.",
    });
  return checkName('userId', userOf(context, userId, 'memory:all', 'remember facts'));
}

interface History {
  readonly runId?: string | null;
  readonly validFrom?: Date | null;
  readonly validUntil?: Date | null;
  readonly supersedes?: string | null;
}

/** @throws CodedError `BAD_USER_INPUT`, and `NOT_FOUND` for a run that there is not */
async function checkHistory(
  parts: SchemaParts,
  context: RequestContext,
  { runId, validFrom = null, validUntil = null, supersedes = null }: History,
  { agentId, key, userId }: Pick<MemoryFactRow, 'agentId' | 'key' | 'userId'>,
): Promise<Pick<MemoryFactRow, 'runId' | 'validFrom' | 'validUntil' | 'supersedesId'>> {
  if (validFrom !== null && validUntil !== null && validUntil <= validFrom)
    throw badUserInput('`validUntil` is not behind `validFrom`.', { hint: 'Leave one of them out, or exchange them.' });
  if (supersedes !== null) {
    checkId('MemoryFact', supersedes);
    if (supersedes === memoryFactId(context.principal.tenantId, agentId, key, userId))
      throw badUserInput('A fact cannot supersede itself.', {
        hint: 'Leave `supersedes` out: remembering a key again replaces its value. Or remember it under another key.',
      });
  }
  return { runId: await checkRun(parts, context, runId), validFrom, validUntil, supersedesId: supersedes };
}
