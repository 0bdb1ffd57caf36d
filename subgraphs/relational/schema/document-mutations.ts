/** Writing documents. */
import { DELETED_IDS } from '#subgraphs/shared/deletions.ts';
import type { InputRef } from '@pothos/core';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import { RELATIONAL } from '../bounds.ts';
import type { UpsertDocumentInput } from '../documents/input.ts';
import type { DocumentRow, EntityName } from '../driver.ts';
import type { InputFields, SchemaParts } from './entity.ts';
import { waitedFields, waiting, waitInputs, type Waited, type WaitInput } from './indexing.ts';
import { addMutation } from './mutation.ts';
import { prepare } from './prepare.ts';

export function addDocumentMutations(parts: SchemaParts): void {
  const { builder, types, driver, loaders } = parts;
  const { entity, relation } = addGraphInputs(parts);
  const documentFields = (t: InputFields) => ({
    title: t.string({ required: true, description: 'The title, for people: 1 to 512 characters.' }),
    source: t.string({
      required: true,
      description:
        'Where the text comes from, such as a path or URL: 1 to 512 characters. Writing the same source again replaces the document.',
    }),
    collection: t.string({
      description: `The collection that it is to be in, of your own naming: 1 to ${RELATIONAL.collectionCharacters} characters; \`${DEFAULT_COLLECTION}\` when absent. Another than before moves it.`,
    }),
    mediaType: t.string({
      required: true,
      description:
        "The text's media type; Markdown is cut at its headings. With `content` that of the file, `application/octet-stream` where `source` ends as its name does; the document's is then `text/markdown`.",
    }),
    text: t.string({
      description: 'The whole text: at most 2 MiB of UTF-8. May be empty. It is required where there is no `content`.',
    }),
    content: t.string({
      description:
        'In the place of `text`, the bytes of a file in base64 (RFC 4648, with padding): at most 8 MiB, and what the gateway accepts as request body. Its text is read here: HTML, PDF, DOCX, PPTX, XLSX, CSV, JSON, JSON Lines, e-mail, source code, Markdown or text in any encoding. Its headings become those of Markdown; `metadata.format` and `metadata.properties` say what it is and what it says of itself.',
    }),
    metadata: t.field({
      type: 'JSON',
      description:
        'Whatever is to be known about it, as a JSON object; empty when absent. Numbers are kept as they were written, however long.',
    }),
    entities: t.field({
      type: [entity],
      description: `What the document is about: at most ${RELATIONAL.entities}.`,
    }),
    relations: t.field({
      type: [relation],
      description: `What the document says about entities: at most ${RELATIONAL.relations}.`,
    }),
  });

  addMutation<UpsertDocumentInput & WaitInput, { id: string; waited: Waited }>(parts, 'upsertDocument', {
    takes: 'documents:write',
    description:
      'Writes a document: creates it, or makes the one with the same source what is given. Its bytes, vectors and entities follow into the ' +
      'other stores; `Document.indexing` tells how far, and `waitFor` has it answered when they have them. Writing what is there already changes nothing.',
    input: 'The document as it is to be. What is left out is not there.',
    inputFields: (t) => ({ ...documentFields(t), ...waitInputs(t, parts) }),
    payload: 'The document that was written.',
    payloadFields: (t) => ({
      document: t.field({
        type: types.Document,
        description: 'The document.',
        resolve: ({ id }, _, context) => loaders(context).byId.Document.load(id) as Promise<DocumentRow>,
      }),
      ...waitedFields(t, parts),
    }),
    run: async ({ waitFor, timeoutMs, ...input }, context) => {
      const wait = waiting(parts, context, { waitFor, timeoutMs });
      const documents = await prepare(parts, context, [input]);
      await driver().upsertDocuments(context, documents);
      const { id } = documents[0]!;
      return { id, waited: await wait([id]) };
    },
  });

  const item = builder.inputRef<UpsertDocumentInput>('UpsertDocumentsItem');
  (item.implement.bind(item) as unknown as (options: unknown) => InputRef<UpsertDocumentInput>)({
    description: 'One of the documents to write.',
    fields: documentFields,
  });
  type Many = { documents: UpsertDocumentInput[] } & WaitInput;
  addMutation<Many, { ids: string[]; waited: Waited }>(parts, 'upsertDocuments', {
    takes: 'documents:write',
    description: 'Writes several documents as `upsertDocument` does, all or none of them.',
    input: 'The documents to write.',
    inputFields: (t) => ({
      documents: t.field({
        type: [item],
        required: true,
        description: `At most ${RELATIONAL.batch}, each of another source, with 16 MiB of text together.`,
      }),
      ...waitInputs(t, parts),
    }),
    payload: 'The documents that were written.',
    payloadFields: (t) => ({
      documents: t.field({
        type: [types.Document],
        nullable: { list: true, items: true },
        description: 'The documents, in the order of the input.',
        resolve: ({ ids }, _, context) =>
          Promise.all(ids.map((id) => loaders(context).byId.Document.load(id))) as never,
      }),
      ...waitedFields(t, parts),
    }),
    run: async ({ documents: inputs, waitFor, timeoutMs }, context) => {
      const wait = waiting(parts, context, { waitFor, timeoutMs });
      const documents = await prepare(parts, context, inputs);
      await driver().upsertDocuments(context, documents);
      const ids = documents.map(({ id }) => id);
      return { ids, waited: await wait(ids) };
    },
  });

  addMutation<{ id: string }, { document: DocumentRow }>(parts, 'deleteDocument', {
    takes: 'documents:write',
    description: 'Removes a document with its chunks; its bytes, vectors and what it says about entities follow.',
    input: 'Which document to remove.',
    inputFields: (t) => ({ id: t.id({ required: true, description: "The document's id." }) }),
    payload: 'The document that was removed.',
    payloadFields: (t) => ({
      deletedIds: t.idList({ ...DELETED_IDS, resolve: ({ document }) => [document.id] }),
      document: t.field({
        type: types.Document,
        nullable: false,
        description: 'The document as it was; its text and chunks are gone.',
        resolve: (payload) => payload.document,
      }),
    }),
    run: async ({ id }, context) => ({ document: await driver().deleteDocument(context, id) }),
  });
}

/** Named for documents, because the graph subgraph has inputs of its own. */
function addGraphInputs({ builder }: SchemaParts) {
  const name = builder.inputRef<EntityName>('DocumentEntityNameInput').implement({
    description: 'Names an entity: the same name and kind is the same entity, whoever writes it.',
    fields: (t) => ({
      name: t.string({ required: true, description: "The entity's name: 1 to 500 characters." }),
      kind: t.string({
        required: true,
        description: 'What sort of thing it is, such as `package`: 1 to 100 characters.',
      }),
    }),
  });
  const entity = builder
    .inputRef<NonNullable<UpsertDocumentInput['entities']>[number]>('DocumentEntityInput')
    .implement({
      description: 'An entity that a document is about.',
      fields: (t) => ({
        name: t.string({ required: true, description: "The entity's name: 1 to 500 characters." }),
        kind: t.string({
          required: true,
          description: 'What sort of thing it is, such as `package`: 1 to 100 characters.',
        }),
        properties: t.field({ type: 'JSON', description: 'What is known about it, as a JSON object.' }),
      }),
    });
  const relation = builder
    .inputRef<NonNullable<UpsertDocumentInput['relations']>[number]>('DocumentRelationInput')
    .implement({
      description: 'A relation between two entities that a document tells of. They need not be among its `entities`.',
      fields: (t) => ({
        from: t.field({ type: name, required: true, description: 'Where it starts.' }),
        to: t.field({ type: name, required: true, description: 'Where it ends.' }),
        type: t.string({
          required: true,
          description: 'Capitals, digits and underscores, starting with a letter, such as `DEPENDS_ON`.',
        }),
        properties: t.field({ type: 'JSON', description: 'More about the relation, as a JSON object.' }),
      }),
    });
  return { entity, relation };
}
