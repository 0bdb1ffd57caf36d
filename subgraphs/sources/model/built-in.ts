/**
 * The project's own types that links of the file may name: what names one, and the fields without arguments that are worth
 * comparing. Held to the printed schemas by a test.
 */

export interface BuiltInField {
  readonly kind: 'id' | 'text' | 'json';
  readonly nullable: boolean;
}

export interface BuiltInType {
  /** The field that names one. */
  readonly key: string;
  readonly fields: Readonly<Record<string, BuiltInField>>;
}

const ID: BuiltInField = { kind: 'id', nullable: false };

export const BUILT_IN: Readonly<Record<string, BuiltInType>> = {
  Agent: { key: 'id', fields: { id: ID, name: { kind: 'text', nullable: true } } },
  Artifact: { key: 'id', fields: { id: ID, path: { kind: 'text', nullable: true } } },
  Chunk: { key: 'id', fields: { id: ID } },
  Document: {
    key: 'id',
    fields: { id: ID, source: { kind: 'text', nullable: true }, metadata: { kind: 'json', nullable: true } },
  },
  Entity: {
    key: 'id',
    fields: {
      id: ID,
      name: { kind: 'text', nullable: false },
      kind: { kind: 'text', nullable: false },
      properties: { kind: 'json', nullable: false },
    },
  },
  Run: { key: 'id', fields: { id: ID, threadId: { kind: 'id', nullable: true } } },
  StoredObject: { key: 'key', fields: { key: { kind: 'text', nullable: false } } },
};
