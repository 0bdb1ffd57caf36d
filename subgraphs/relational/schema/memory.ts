/** What agents and people remember. */
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import { RELATIONAL } from '../bounds.ts';
import type { MemoryFactRow } from '../driver.ts';
import { checkId } from '#subgraphs/shared/ids.ts';
import { checkName, checkText, optionalText } from '../input.ts';
import { entityType, rootItem, rootList, type SchemaParts } from './entity.ts';
import { waitedFields, waiting, waitInputs, type Waited, type WaitInput } from './indexing.ts';
import { addMutation } from './mutation.ts';

export function addMemory(parts: SchemaParts): void {
  const { types, driver, loaders } = parts;
  entityType(
    parts,
    'MemoryFact',
    "One thing that is remembered under a key, in an agent's memory or in the tenant's own.",
    ['id', 'key', 'value', 'source', 'createdAt', 'updatedAt'],
    (t) => ({
      agent: t.field({
        type: types.Agent,
        directives: { leads: { by: 'agentId' } },
        description: "The agent whose memory it is in; null for the tenant's own.",
        resolve: ({ agentId }, _, context) => (agentId === null ? null : loaders(context).byId.Agent.load(agentId)),
      }),
    }),
  );
  rootItem(parts, 'MemoryFact', 'memoryFact', 'remembered fact');
  rootList(parts, 'MemoryFact', 'memoryFacts');

  type Remembered = { fact: MemoryFactRow; waited: Waited };
  addMutation<{ key: string; value: string; source?: string | null; agentId?: string | null } & WaitInput, Remembered>(
    parts,
    'rememberFact',
    {
      takes: 'memory:write',
      description:
        'Remembers a value under a key. Remembering the key again replaces value and source; earlier values are not kept, so that ' +
        'forgetting forgets. The audit log says when and by whom. Found by meaning (`memoryFacts(where: { similarTo })`) a moment later; at ' +
        'once with `waitFor: VECTOR`.',
      input: 'What to remember.',
      inputFields: (t) => ({
        key: t.string({ required: true, description: 'What the fact is about: 1 to 512 characters.' }),
        value: t.string({ required: true, description: 'What to remember: at most 65,536 characters.' }),
        source: t.string({ description: 'Where it was learned, such as `user` or a URL: at most 512 characters.' }),
        agentId: t.id({ description: "The agent whose memory it goes to; the tenant's own when absent." }),
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
      run: async ({ key, value, source, agentId, waitFor, timeoutMs }, context) => {
        const wait = waiting(parts, context, { waitFor, timeoutMs });
        if (agentId != null) checkId('Agent', agentId);
        const fact = await driver().rememberFact(context, {
          agentId: agentId ?? null,
          key: checkName('key', key),
          value: checkText('value', value, { max: RELATIONAL.valueCharacters, blank: true }),
          source: optionalText('source', source, 512),
        });
        return { fact, waited: await wait([fact.id]) };
      },
    },
  );

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
