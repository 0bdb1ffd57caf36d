/** The types of what a document consists of, as deliveries and reconciliation read it: absent from the public API. */
import type { ChunkRow, DocumentEntity, DocumentRelation, EntityName, OutboxContent } from '../driver.ts';
import type { SchemaParts } from './entity.ts';

const inaccessible = true;

/** The types of what a document consists of, as deliveries read it. */
export type ContentTypes = ReturnType<typeof contentTypes>;

export function contentTypes({ builder }: SchemaParts) {
  const document = builder.objectRef<OutboxContent>('OutboxDocument').implement({
    description: 'A document as it is to be delivered.',
    inaccessible,
    fields: (t) => ({
      title: t.exposeString('title', { nullable: false, description: 'The title.' }),
      source: t.exposeString('source', { nullable: false, description: 'The source.' }),
      collection: t.exposeString('collection', { nullable: false, description: 'The collection that it is in.' }),
      mediaType: t.exposeString('mediaType', { nullable: false, description: "The text's media type." }),
      text: t.exposeString('text', { nullable: false, description: 'The whole text; read only when selected.' }),
      contentHash: t.exposeString('contentHash', {
        nullable: false,
        description: 'SHA-256 of the text, in hexadecimal.',
      }),
      metadata: t.field({
        type: 'JSON',
        nullable: false,
        description: 'The metadata.',
        resolve: (row) => row.metadata,
      }),
      createdAt: t.field({
        type: 'DateTime',
        nullable: false,
        description: 'When it was created.',
        resolve: (row) => row.createdAt,
      }),
    }),
  });
  const chunk = builder.objectRef<ChunkRow>('OutboxChunk').implement({
    description: 'A passage of the document.',
    inaccessible,
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: "The chunk's id." }),
      index: t.exposeInt('index', { nullable: false, description: 'Its place, from 0.' }),
      text: t.exposeString('text', { nullable: false, description: 'Its text.' }),
    }),
  });
  const entity = builder.objectRef<DocumentEntity>('OutboxEntity').implement({
    description: 'An entity that the document is about.',
    inaccessible,
    fields: (t) => ({
      name: t.exposeString('name', { nullable: false, description: 'Its name.' }),
      kind: t.exposeString('kind', { nullable: false, description: 'Its kind.' }),
      properties: t.field({
        type: 'JSON',
        nullable: false,
        description: 'Its properties.',
        resolve: (row) => row.properties,
      }),
    }),
  });
  const end = builder.objectRef<EntityName>('OutboxEntityName').implement({
    description: 'One end of a relation.',
    inaccessible,
    fields: (t) => ({
      name: t.exposeString('name', { nullable: false, description: "The entity's name." }),
      kind: t.exposeString('kind', { nullable: false, description: "The entity's kind." }),
    }),
  });
  const relation = builder.objectRef<DocumentRelation>('OutboxRelation').implement({
    description: 'A relation that the document tells of.',
    inaccessible,
    fields: (t) => ({
      from: t.field({ type: end, nullable: false, description: 'Where it starts.', resolve: (row) => row.from }),
      to: t.field({ type: end, nullable: false, description: 'Where it ends.', resolve: (row) => row.to }),
      type: t.exposeString('type', { nullable: false, description: 'Its type.' }),
      properties: t.field({
        type: 'JSON',
        nullable: false,
        description: 'Its properties.',
        resolve: (row) => row.properties,
      }),
    }),
  });
  return { document, chunk, entity, relation };
}
