/** Agents and their versions. */
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { connectionType, pageArguments, type PageArguments } from '#subgraphs/shared/connections.ts';
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { RELATIONAL } from '../bounds.ts';
import { agentVersionId } from '../agents/version-id.ts';
import { jsonObject } from '../documents/input.ts';
import type { AgentDraft, AgentRow, AgentVersionRow } from '../driver.ts';
import { checkName, optionalText } from '../input.ts';
import { pageOfChildren } from './children.ts';
import {
  belongingType,
  entityType,
  listField,
  rootItem,
  rootList,
  type InputFields,
  type ObjectFields,
  type SchemaParts,
} from './entity.ts';
import { addMutation } from './mutation.ts';
import { sharesField } from './shares.ts';

interface AgentInput {
  name?: string | null;
  description?: string | null;
  instructions?: string | null;
  model?: string | null;
  config?: JsonValue | null;
}

export function addAgents(parts: SchemaParts): void {
  const { subgraph, types, loaders } = parts;
  const versions = connectionType<AgentVersionRow>(subgraph, 'AgentVersion', {
    node: types.AgentVersion,
    items: 'versions of an agent',
    totalCount: true,
  });
  const facts = belongingType(parts, 'MemoryFact', 'AgentMemoryFact', 'remembered facts of an agent');
  const sessions = belongingType(parts, 'Session', 'AgentSession', 'sessions with an agent');
  entityType(
    parts,
    'Agent',
    'Something that acts through this API: its runs, memory and artifacts refer to it.',
    ['id', 'name', 'description', 'createdAt', 'updatedAt'],
    (t) => ({
      shares: sharesField(t, parts, 'Agent'),
      memoryFacts: listField(t, parts, 'MemoryFact', 'agentId', facts, {
        description:
          "What is in its memory: of what is one user's own, the caller's, or everybody's with the scope `memory:all`.",
        back: 'agent',
        keyOf: ({ id }) => id,
      }),
      sessions: listField(t, parts, 'Session', 'agentId', sessions, {
        description: "Conversations with it: the caller's own, or everybody's with the scope `sessions:all`.",
        back: 'agent',
        keyOf: ({ id }) => id,
      }),
      currentVersion: t.field({
        type: types.AgentVersion,
        description: 'How the agent is set up now.',
        resolve: ({ id, versionNumber }, _, context) =>
          loaders(context).byId.AgentVersion.load(agentVersionId(id, versionNumber)),
      }),
      versions: t.field({
        type: versions,
        description: 'How the agent is and was set up, newest first.',
        args: pageArguments(t.arg as never),
        resolve: async ({ id, versionNumber }, args: PageArguments, context, info) => {
          const page = await pageOfChildren(
            'agents.versions',
            args,
            ({ number }: AgentVersionRow) => number,
            (request) => loaders(context).agentVersions(request).load(id),
            info,
          );
          // They count from 1 without gaps, and none is ever removed.
          return { ...page, totalCount: () => versionNumber };
        },
      }),
    }),
  );
  rootItem(parts, 'Agent', 'agent', 'agent');
  rootList(parts, 'Agent', 'agents');
  entityType(
    parts,
    'AgentVersion',
    'An agent as it was set up at one time. Versions never change, so a run can be explained by the one it used.',
    ['id', 'number', 'name', 'description', 'instructions', 'model', 'config', 'createdAt'],
    (t) => ({
      agent: t.field({
        type: types.Agent,
        description: 'The agent.',
        resolve: ({ agentId }, _, context) => loaders(context).byId.Agent.load(agentId),
      }),
    }),
  );
  addAgentMutations(parts);
}

function addAgentMutations(parts: SchemaParts): void {
  const { types, driver } = parts;
  const versionFields = (t: InputFields) => ({
    description: t.string({ description: 'What the agent is for: at most 4,096 characters.' }),
    instructions: t.string({ description: 'The system prompt: at most 262,144 characters.' }),
    model: t.string({ description: 'The model that the agent is meant to use.' }),
    config: t.field({ type: 'JSON', description: 'Further settings, as a JSON object.' }),
  });
  const agentField = (t: ObjectFields<{ agent: AgentRow }>) => ({
    agent: t.field({
      type: types.Agent,
      nullable: false,
      description: 'The agent.',
      resolve: (payload) => payload.agent,
    }),
  });

  addMutation<AgentInput & { name: string }, { agent: AgentRow }>(parts, 'createAgent', {
    takes: 'agents:write',
    description: 'Creates an agent with its first version. Names need not be unique.',
    input: 'The agent to create.',
    inputFields: (t) => ({
      name: t.string({ required: true, description: "The agent's name: 1 to 512 characters." }),
      ...versionFields(t),
    }),
    payload: 'The agent that was created.',
    payloadFields: agentField,
    run: async ({ name, ...input }, context) => ({
      agent: await driver().createAgent(context, {
        description: null,
        instructions: null,
        model: null,
        config: {},
        ...changesOf(input),
        name: checkName('name', name),
      }),
    }),
  });

  addMutation<AgentInput & { id: string; expectedVersion?: number | null }, { agent: AgentRow }>(parts, 'updateAgent', {
    takes: 'agents:write',
    description:
      'Changes an agent by recording a new version; earlier ones stay. Where nothing differs, nothing is recorded.',
    input: 'What to change. What is left out stays as it is; null empties it.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: "The agent's id." }),
      name: t.string({ description: 'A new name: 1 to 512 characters.' }),
      ...versionFields(t),
      expectedVersion: t.int({
        description:
          'The number of the version that the change was made for; `CONFLICT` where it is no longer current.',
      }),
    }),
    payload: 'The agent that was changed.',
    payloadFields: agentField,
    run: async ({ id, expectedVersion, ...input }, context) => ({
      agent: await driver().updateAgent(context, id, changesOf(input), expectedVersion ?? undefined),
    }),
  });

  addMutation<{ id: string }, { agent: AgentRow }>(parts, 'deleteAgent', {
    takes: 'agents:write',
    description: 'Removes an agent with its versions and its memory. Its runs, sessions and artifacts stay.',
    input: 'Which agent to remove.',
    inputFields: (t) => ({ id: t.id({ required: true, description: "The agent's id." }) }),
    payload: 'The agent that was removed.',
    payloadFields: (t) => ({
      ...agentField(t),
      deletedIds: t.idList({ ...DELETED_IDS, resolve: ({ agent }) => [agent.id] }),
    }),
    run: async ({ id }, context) => ({ agent: await driver().deleteAgent(context, id) }),
  });
}

/** The given parts of an agent, checked. What was left out is left out here. */
function changesOf({ name, description, instructions, model, config }: AgentInput): Partial<AgentDraft> {
  if (name === null) throw badUserInput('`name` must not be null.');
  return {
    ...(name === undefined ? {} : { name: checkName('name', name) }),
    ...(description === undefined
      ? {}
      : { description: optionalText('description', description, RELATIONAL.descriptionCharacters) }),
    ...(instructions === undefined
      ? {}
      : { instructions: optionalText('instructions', instructions, RELATIONAL.instructionsCharacters) }),
    ...(model === undefined ? {} : { model: optionalText('model', model, 512) }),
    // Through text, so that it compares with what the store returns: literals have no prototype.
    ...(config === undefined ? {} : { config: parseExactJson(writeJson(jsonObject('config', config))) as JsonValue }),
  };
}
