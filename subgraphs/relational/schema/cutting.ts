/** How the gateway has documents cut again that were cut otherwise: absent from the public API, and for the gateway alone. */
import { requireSystem } from '#subgraphs/shared/context.ts';
import { decodeCursor, encodeCursor } from '#subgraphs/shared/cursors.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { RELATIONAL } from '../bounds.ts';
import { cuttingOf } from '../documents/input.ts';
import type { CutOtherwise, Recut } from '../driver.ts';
import type { SchemaParts } from './entity.ts';
import { addMutation } from './mutation.ts';
import { prepare } from './prepare.ts';

const inaccessible = true;
const CURSOR = 'cut-otherwise';

interface RecutResult {
  recut: number;
  unchanged: number;
  refused: { id: string; reason: string }[];
}

export function addCutting(parts: SchemaParts): void {
  addCutOtherwise(parts);
  addRecut(parts);
}

function addCutOtherwise({ builder, driver, cutting }: SchemaParts): void {
  const document = builder.objectRef<CutOtherwise>('DocumentCutOtherwise').implement({
    description: 'A document that was cut by another version, or for another limit.',
    inaccessible,
    fields: (t) => ({
      tenantId: t.exposeID('tenantId', { nullable: false, description: 'Whose it is.' }),
      id: t.exposeID('id', { nullable: false, description: "The document's id." }),
    }),
  });
  const page = builder
    .objectRef<{ documents: CutOtherwise[]; next: string | null }>('DocumentsCutOtherwise')
    .implement({
      description: 'A page of documents that were cut otherwise than they would be today.',
      inaccessible,
      fields: (t) => ({
        documents: t.field({
          type: [document],
          nullable: { list: false, items: false },
          description: 'The documents.',
          resolve: ({ documents }) => documents,
        }),
        next: t.exposeString('next', { description: 'What the next page begins behind; null when there is none.' }),
      }),
    });
  builder.queryField('documentsCutOtherwise', (t) =>
    t.field({
      type: page,
      inaccessible,
      description: 'Documents, of all tenants, that were cut otherwise than they would be today.',
      args: {
        first: t.arg.int({ required: true, description: `1 to ${RELATIONAL.compared}.` }),
        after: t.arg.string({ description: 'The `next` of the page before.' }),
        tenantId: t.arg.id({ description: "Only this tenant's." }),
      },
      resolve: async (_, { first, after, tenantId }, context) => {
        requireSystem(context);
        if (first < 1 || first > RELATIONAL.compared)
          throw badUserInput(`\`first\` is 1 to ${RELATIONAL.compared}; got ${first}.`);
        const documents = await driver().cutOtherwise(context, {
          cutting: cuttingOf(cutting().maxTokens),
          tenantId: tenantId == null ? undefined : String(tenantId),
          after: after == null ? undefined : (decodeCursor(CURSOR, after, 3) as [string, string, string]),
          limit: first,
        });
        const last = documents.length < first ? undefined : documents.at(-1);
        const next = last === undefined ? null : encodeCursor(CURSOR, [last.cutting, last.tenantId, last.id]);
        return { documents, next };
      },
    }),
  );
}

function addRecut(parts: SchemaParts): void {
  const { builder, driver } = parts;
  const refusal = builder.objectRef<RecutResult['refused'][number]>('RecutRefusal').implement({
    description: 'A document that could not be cut again.',
    inaccessible,
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: "The document's id." }),
      reason: t.exposeString('reason', { nullable: false, description: 'Why not.' }),
    }),
  });
  addMutation<{ ids: string[] }, RecutResult>(parts, 'recutDocuments', {
    takes: 'system',
    description:
      'Cuts documents of the tenant as they would be cut today. Their chunks alone change, and follow into the vector store where they do.',
    input: 'What to cut again.',
    inputFields: (t) => ({
      ids: t.idList({ required: true, description: `At most ${RELATIONAL.recut} documents.` }),
    }),
    payload: 'What cutting again did. A document that was written or removed meanwhile is not counted.',
    payloadFields: (t) => ({
      recut: t.exposeInt('recut', { nullable: false, description: 'Documents whose chunks are others now.' }),
      unchanged: t.exposeInt('unchanged', {
        nullable: false,
        description: 'Documents whose chunks stayed as they were.',
      }),
      refused: t.field({
        type: [refusal],
        nullable: { list: false, items: false },
        description: 'Documents that are not accepted any more; they stay as they are.',
        resolve: (result) => result.refused,
      }),
    }),
    run: async ({ ids }, context) => {
      if (ids.length > RELATIONAL.recut)
        throw badUserInput(`\`ids\` has ${ids.length} items; at most ${RELATIONAL.recut} are accepted.`);
      const documents: Recut[] = [];
      const refused: RecutResult['refused'] = [];
      for (const { id, was, ...input } of await driver().documentsToCut(context, ids)) {
        try {
          const [document] = await prepare(parts, context, [input]);
          documents.push({ was, document: document! });
        } catch (error) {
          // Accepted under other bounds once. It must not hold back the others.
          if (!(error instanceof CodedError) || error.code !== 'BAD_USER_INPUT') throw error;
          refused.push({ id, reason: error.message });
        }
      }
      const written = await driver().recut(context, documents);
      const recut = written.filter(({ changed }) => changed).length;
      return { recut, unchanged: written.length - recut, refused };
    },
  });
}
