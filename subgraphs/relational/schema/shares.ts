/** Sharing documents and agents between projects of one tenant. */
import { requireSystem, type RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { checkId } from '#subgraphs/shared/ids.ts';
import type { SharedDocument } from '#subgraphs/shared/ports.ts';
import { projectOf, TENANT_NAME } from '#subgraphs/shared/tenant-id.ts';
import { RELATIONAL } from '../bounds.ts';
import type { NewShare, ShareRow } from '../driver.ts';
import { entityType, rootList, type ObjectFields, type SchemaParts } from './entity.ts';
import { addMutation } from './mutation.ts';

interface ShareInput {
  id: string;
  project?: string | null;
  everyProject?: boolean | null;
  expiresAt?: Date | null;
}

export function addShares(parts: SchemaParts): void {
  const { types, loaders } = parts;
  entityType(
    parts,
    'Share',
    'A document or an agent that other projects of the tenant may read. They change nothing of it, and may not share it on.',
    ['id', 'fromProject', 'toProject', 'createdBy', 'createdAt', 'expiresAt'],
    (t) => ({
      document: t.field({
        type: types.Document,
        description: 'The document that is shared; null where it is an agent.',
        resolve: ({ documentId }, _, context) =>
          documentId === null ? null : (loaders(context).byId.Document.load(documentId) as never),
      }),
      agent: t.field({
        type: types.Agent,
        description: 'The agent that is shared; null where it is a document.',
        resolve: ({ agentId }, _, context) =>
          agentId === null ? null : (loaders(context).byId.Agent.load(agentId) as never),
      }),
    }),
  );
  rootList(parts, 'Share', 'shares');
  addSharing(parts, 'Document', 'with its passages and bytes: they read it by its id, and their searches find it');
  addSharing(parts, 'Agent', 'with its versions, and without its memory');
  addRevoking(parts);
  addLookUps(parts);
}

/** The field of a document or an agent that tells who may read it. */
export const sharesField = <K extends NewShare['kind']>(
  t: ObjectFields<{ id: string }>,
  { types, loaders }: SchemaParts,
  kind: K,
) =>
  t.field({
    directives: { listSize: { assumedSize: RELATIONAL.shares } },
    type: [types.Share],
    nullable: { list: true, items: false },
    description: `Which projects may read it besides its own, at most ${RELATIONAL.shares}; of one that was shared with the caller, by which share he may.`,
    resolve: ({ id }, _, context) => loaders(context).sharesOf[kind].load(id),
  });

function addSharing(parts: SchemaParts, kind: NewShare['kind'], how: string): void {
  const { types, driver } = parts;
  const thing = kind.toLowerCase();
  addMutation<ShareInput, { share: ShareRow }>(parts, `share${kind}`, {
    takes: 'shares:write',
    description: `Lets another project of the tenant, or every one, read ${kind === 'Agent' ? 'an' : 'a'} ${thing}, ${how}. Sharing again renews it.`,
    input: 'What to share, and with whom.',
    inputFields: (t) => ({
      id: t.id({ required: true, description: `The id of the ${thing}: one of the caller's own project.` }),
      project: t.string({ description: 'The project that may read it. Either this or `everyProject`.' }),
      everyProject: t.boolean({ description: 'Whether every project of the tenant may, those to come included.' }),
      expiresAt: t.field({
        type: 'DateTime',
        description: 'From when on it is shared no longer; it is until somebody revokes it, when absent.',
      }),
    }),
    payload: 'What was shared.',
    payloadFields: (t) => ({
      share: t.field({
        type: types.Share,
        nullable: false,
        description: 'The share.',
        resolve: (payload) => payload.share,
      }),
    }),
    run: async ({ id, project, everyProject, expiresAt }, context) => {
      checkId(kind, id);
      const toProject = receiver(context, project ?? null, everyProject === true);
      if (expiresAt != null && expiresAt.getTime() <= Date.now()) throw badUserInput('`expiresAt` must be to come.');
      const share = { kind, id, toProject, expiresAt: expiresAt ?? null };
      return { share: await driver().share(context, share, RELATIONAL.shares) };
    },
  });
}

/** @returns null for every project */
function receiver({ principal }: RequestContext, project: string | null, everyProject: boolean): string | null {
  if ((project === null) !== everyProject)
    throw badUserInput('Either `project` or `everyProject: true` must be given.', {
      hint: 'Name the project that may read it, or say that every one may.',
    });
  if (project === null) return null;
  if (!TENANT_NAME.test(project))
    throw badUserInput('`project` is no name of a project: letters, digits, `_` and `-`, 63 at most.');
  if (project === projectOf(principal.tenantId))
    throw badUserInput("`project` is the caller's own, which has it already.");
  return project;
}

function addRevoking(parts: SchemaParts): void {
  const { types, driver } = parts;
  addMutation<{ id: string }, { share: ShareRow }>(parts, 'revokeShare', {
    takes: 'shares:write',
    description:
      "Ends a share of the caller's project at once, in every store. Links to its bytes that were made before end within a minute.",
    input: 'Which share to end.',
    inputFields: (t) => ({ id: t.id({ required: true, description: "The share's id." }) }),
    payload: 'The share that was ended.',
    payloadFields: (t) => ({
      share: t.field({
        type: types.Share,
        nullable: false,
        description: 'The share as it was.',
        resolve: (payload) => payload.share,
      }),
    }),
    run: async ({ id }, context) => {
      checkId('Share', id);
      return { share: await driver().revokeShare(context, id) };
    },
  });
}

/** What stores ask that run apart from this one, for a caller: absent from the public API, and for the gateway's own alone. */
function addLookUps({ builder, driver }: SchemaParts): void {
  const inaccessible = true;
  const document = builder.objectRef<SharedDocument>('SharedDocument').implement({
    description: 'A document that was shared with the caller.',
    inaccessible,
    fields: (t) => ({
      documentId: t.exposeID('documentId', { nullable: false, description: 'Its id.' }),
      tenantId: t.exposeID('tenantId', { nullable: false, description: "What its owner's data is kept under." }),
    }),
  });
  const object = builder.objectRef<{ key: string; tenantId: string }>('SharedObject').implement({
    description: 'The bytes of such a document.',
    inaccessible,
    fields: (t) => ({
      key: t.exposeString('key', { nullable: false, description: 'Their key.' }),
      tenantId: t.exposeID('tenantId', { nullable: false, description: "What its owner's data is kept under." }),
    }),
  });
  builder.queryFields((t) => ({
    sharedDocuments: t.field({
      type: [document],
      nullable: { list: true, items: false },
      inaccessible,
      description: 'Documents that were shared with the caller, those that were last shared first.',
      args: { first: t.arg.int({ required: true, description: `How many at most: 1 to ${RELATIONAL.sharedKeys}.` }) },
      resolve: async (_, { first }, context) => {
        requireSystem(context);
        return await driver().sharedDocuments(context, Math.min(Math.max(first, 1), RELATIONAL.sharedKeys));
      },
    }),
    sharedObjects: t.field({
      type: [object],
      nullable: { list: true, items: false },
      inaccessible,
      description: 'Those of these keys under which documents that were shared with the caller keep their bytes.',
      args: {
        keys: t.arg.stringList({ required: true, description: `The keys; at most ${RELATIONAL.sharedKeys}.` }),
      },
      resolve: async (_, { keys }, context) => {
        requireSystem(context);
        if (keys.length > RELATIONAL.sharedKeys)
          throw badUserInput(`\`keys\` has ${keys.length} items; at most ${RELATIONAL.sharedKeys} are accepted.`);
        return await driver().sharedObjects(context, keys);
      },
    }),
  }));
}
