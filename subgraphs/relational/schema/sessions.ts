/** Conversations of users with agents: sessions and their messages. */
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { checkId, noSuch } from '#subgraphs/shared/ids.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { RELATIONAL } from '../bounds.ts';
import { jsonObject } from '../documents/input.ts';
import { MESSAGE_ROLES, type MessageRow, type SessionRow } from '../driver.ts';
import { optionalText, userOf } from '../input.ts';
import { checkIdempotencyKey, checkMessages, type MessageInput } from '../sessions/input.ts';
import {
  columnFields,
  belongingType,
  checkRun,
  entityType,
  listField,
  rootItem,
  rootList,
  type InputFields,
  type ObjectFields,
  type SchemaParts,
} from './entity.ts';
import { addMutation } from './mutation.ts';

const ROLES = {
  SYSTEM: 'Instructions for the model.',
  USER: 'The user, or whoever asks the agent.',
  ASSISTANT: 'The agent: what its model answered, or which tools it calls.',
  TOOL: 'A tool, with the result of a call.',
} as const;

/** Whose they are, as descriptions say it. */
const SEEN = "the caller's own, or everybody's with the scope `sessions:all`";

/** @returns the enum of who says a message */
export function addSessions(parts: SchemaParts): { role: unknown } {
  const { subgraph, builder, types, loaders } = parts;
  const role = builder.enumType('MessageRole', {
    description: 'Who says a message of a session.',
    values: Object.fromEntries(MESSAGE_ROLES.map((name) => [name, { description: ROLES[name] }])) as never,
  });
  const messages = belongingType(parts, 'Message', 'SessionMessage', 'messages of a session');
  entityType(
    parts,
    'Session',
    `A conversation of a user with an agent: messages in the order in which they were said. Seen by its user alone, and by whoever has the scope \`sessions:all\`.`,
    ['id', 'userId', 'title', 'metadata', 'messageCount', 'endedAt', 'createdAt', 'updatedAt'],
    (t) => ({
      agent: t.field({
        type: types.Agent,
        directives: { leads: { by: 'agentId' } },
        description: 'The agent that the user talks with; null where nobody said, or it is there no more.',
        resolve: ({ agentId }, _, context) => (agentId === null ? null : loaders(context).byId.Agent.load(agentId)),
      }),
      messages: listField(t, parts, 'Message', 'sessionId', messages, {
        description: 'What was said, oldest first: `last: 20` are the newest.',
        back: 'session',
        keyOf: ({ id }) => id,
        order: { field: 'sequence', direction: 'ASC' },
      }),
    }),
  );
  rootItem(parts, 'Session', 'session', 'session');
  rootList(parts, 'Session', 'sessions');
  entityType(
    parts,
    'Message',
    'Something that was said in a session. Messages do not change, and go with their session.',
    ['id', 'sequence', 'name', 'toolCallId', 'tokens', 'createdAt'],
    (t) => ({
      ...columnFields(t, 'Message', ['content', 'toolCalls', 'metadata'], async ({ id }, context) => {
        const parts = await loaders(context).messageParts.load(id);
        // Removed since its row was read.
        if (parts === null) throw noSuch('Message', id);
        return parts;
      }),
      role: t.field({ type: role, description: 'Who says it.', resolve: (row) => row.role as never }),
      session: t.field({
        type: types.Session,
        directives: { leads: { by: 'sessionId' } },
        description: 'The session that it is in.',
        resolve: ({ sessionId }, _, context) => loaders(context).byId.Session.load(sessionId),
      }),
      run: t.field({
        type: parts.stubs.Run,
        directives: { leads: { by: 'runId' } },
        description: 'The run that wrote it; null where nobody said.',
        resolve: ({ runId }) => (runId === null ? null : { id: runId }),
      }),
    }),
  );
  rootItem(parts, 'Message', 'message', 'message');
  rootList(parts, 'Message', 'messages', {
    enums: { role: subgraph.shared.enumFilter('MessageRoleFilter', 'who says a message', role) },
    enumTypes: { role },
  });
  addSessionMutations(parts);
  addAppend(parts, role);
  return { role };
}

const sessionField = ({ types }: SchemaParts, t: ObjectFields<{ session: SessionRow }>, description: string) =>
  t.field({ type: types.Session, nullable: false, description, resolve: ({ session }) => session });

const described = (t: InputFields) => ({
  title: t.string({ description: 'What it is about, for people: at most 512 characters.' }),
  metadata: t.field({ type: 'JSON', description: 'Whatever is to be recorded about it, as a JSON object.' }),
});

function addSessionMutations(parts: SchemaParts): void {
  const { driver } = parts;
  interface CreateInput {
    agentId?: string | null;
    userId?: string | null;
    title?: string | null;
    metadata?: JsonValue | null;
    idempotencyKey?: string | null;
  }
  addMutation<CreateInput, { session: SessionRow }>(parts, 'createSession', {
    takes: 'memory:write',
    description:
      "Begins a session: the caller's own, or another user's with the scope `sessions:all`. With an `idempotencyKey` that began one before, it is that one: so " +
      'an agent that has its own name of a conversation begins it and finds it again by one call.',
    input: 'The session to begin.',
    inputFields: (t) => ({
      agentId: t.id({ description: 'The agent that the user talks with.' }),
      userId: t.string({
        description: "Whose it is: at most 512 characters; the caller's when absent. Another's takes `sessions:all`.",
      }),
      ...described(t),
      idempotencyKey: t.string({
        description: `At most ${RELATIONAL.idempotencyCharacters} characters, unique for user and agent. Beginning again with the same key returns the same session: CONFLICT where a given title or given metadata are not its own.`,
      }),
    }),
    payload: 'The session that was begun.',
    payloadFields: (t) => ({ session: sessionField(parts, t, 'The session.') }),
    run: async ({ agentId, userId, title, metadata, idempotencyKey }, context) => {
      if (agentId != null) checkId('Agent', agentId);
      const session = await driver().createSession(context, {
        agentId: agentId ?? null,
        userId: userOf(context, userId, 'sessions:all', 'begin sessions'),
        title: optionalText('title', title, RELATIONAL.nameCharacters),
        metadata: metadata == null ? null : jsonObject('metadata', metadata),
        idempotencyKey: checkIdempotencyKey(idempotencyKey),
      });
      return { session };
    },
  });

  interface UpdateInput {
    id: string;
    title?: string | null;
    metadata?: JsonValue | null;
    ended?: boolean | null;
  }
  addMutation<UpdateInput, { session: SessionRow }>(parts, 'updateSession', {
    takes: 'memory:write',
    description: `Says anew what a session is about, or ends it; ${SEEN}.`,
    input: 'What to change. What is left out stays as it is; null empties it.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: "The session's id." }),
      ...described(t),
      ended: t.boolean({
        description: 'Whether it has ended: nothing is appended then. `false` opens it again; null is as left out.',
      }),
    }),
    payload: 'The session that was changed.',
    payloadFields: (t) => ({ session: sessionField(parts, t, 'The session.') }),
    run: async ({ id, title, metadata, ended }, context) => {
      const session = await driver().updateSession(context, id, {
        ...(title === undefined ? {} : { title: optionalText('title', title, RELATIONAL.nameCharacters) }),
        ...(metadata === undefined ? {} : { metadata: jsonObject('metadata', metadata) }),
        ...(ended == null ? {} : { ended }),
      });
      return { session };
    },
  });

  addMutation<{ id: string }, { session: SessionRow }>(parts, 'deleteSession', {
    takes: 'memory:write',
    description: `Erases a session with all that was said in it, for good; ${SEEN}.`,
    input: 'Which session to erase.',
    inputFields: (t) => ({ id: t.id({ required: true, description: "The session's id." }) }),
    payload: 'The session that was erased.',
    payloadFields: (t) => ({
      deletedIds: t.idList({ ...DELETED_IDS, resolve: ({ session }) => [session.id] }),
      session: sessionField(parts, t, 'The session as it was, without its messages.'),
    }),
    run: async ({ id }, context) => ({ session: await driver().deleteSession(context, id) }),
  });
}

function addAppend(parts: SchemaParts, role: unknown): void {
  const { builder, types, driver } = parts;
  const messageInput = builder.inputRef<MessageInput>('MessageInput').implement({
    description: 'A message to append.',
    fields: (t) => ({
      role: t.field({ type: role as 'String', required: true, description: 'Who says it.' }) as never,
      content: t.string({
        description: `What is said: at most ${RELATIONAL.messageCharacters.toLocaleString('en')} characters; empty when absent.`,
      }),
      name: t.string({
        description: `The name of who says it, or of the tool: at most ${RELATIONAL.nameCharacters} characters.`,
      }),
      toolCalls: t.field({
        type: 'JSON',
        description: 'The tools that an ASSISTANT calls: a JSON list, kept as it is given.',
      }),
      toolCallId: t.string({ description: 'The call that a TOOL answers, by the id that the assistant gave it.' }),
      metadata: t.field({ type: 'JSON', description: 'Whatever is to be recorded about it, as a JSON object.' }),
    }),
  });
  interface AppendInput {
    sessionId: string;
    messages: MessageInput[];
    runId?: string | null;
    idempotencyKey?: string | null;
    expectedSequence?: number | null;
  }
  addMutation<AppendInput, { session: SessionRow; messages: MessageRow[] }>(parts, 'appendMessages', {
    takes: 'memory:write',
    description:
      `Appends messages to a session, all or none, each with the next \`sequence\`; ${SEEN}. However many write at once, numbers have no gaps. ` +
      `A session holds at most ${RELATIONAL.sessionMessages.toLocaleString('en')} (\`CONFLICT\`). What they say is found by meaning (\`messages(where: { similarTo })\`) a moment later, where \`INDEX_MESSAGES\` has them followed.`,
    input: 'The messages to append.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'The session.' }),
      messages: t.field({
        type: [messageInput],
        required: true,
        description: `1 to ${RELATIONAL.messages} messages, oldest first: at most 4 MiB together.`,
      }),
      runId: t.id({ description: 'The run that writes them.' }),
      idempotencyKey: t.string({
        description: `At most ${RELATIONAL.idempotencyCharacters} characters, unique for the session. Appending again with the same key and messages returns the same messages.`,
      }),
      expectedSequence: t.int({
        description:
          "Refuse with CONFLICT unless this is the sequence of the session's last message (0 before the first).",
      }),
    }),
    payload: 'The messages that were appended.',
    payloadFields: (t) => ({
      messages: t.field({
        type: [types.Message],
        nullable: { list: false, items: false },
        description: 'The messages as they are kept, in order.',
        resolve: (payload) => payload.messages,
      }),
      session: sessionField(parts, t, 'The session with them.'),
    }),
    run: async ({ sessionId, messages, runId, idempotencyKey, expectedSequence }, context) => {
      if (expectedSequence != null && expectedSequence < 0)
        throw badUserInput('`expectedSequence` must not be negative.');
      return await driver().appendMessages(context, {
        sessionId: checkId('Session', sessionId),
        messages: checkMessages(messages),
        runId: await checkRun(parts, context, runId),
        idempotencyKey: checkIdempotencyKey(idempotencyKey),
        expectedSequence: expectedSequence ?? null,
        indexed: parts.messagesIndexed(),
      });
    },
  });
}
