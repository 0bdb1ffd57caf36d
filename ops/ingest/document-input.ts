/** What the ingestions send: the input of the public mutation `upsertDocument`, and nothing else. */

import type { JsonValue } from '#subgraphs/shared/json.ts';

/** Names an entity of the knowledge graph; the same kind and name is the same entity everywhere. */
export interface EntityName {
  name: string;
  kind: string;
}

/** The input of `upsertDocument`. */
export interface DocumentInput {
  title: string;
  /** Names the document within its tenant: writing the same source again replaces it. */
  source: string;
  /** @default 'default' */
  collection?: string;
  mediaType: 'text/markdown' | 'text/plain';
  text: string;
  metadata: { [key: string]: JsonValue };
  entities: (EntityName & { properties?: Record<string, string | number> })[];
  relations: { from: EntityName; to: EntityName; type: string }[];
}

/** Something that was not ingested. */
export interface Skipped {
  skipped: string;
  reason: string;
  /** It was not meant to be: absent where it was and could not be. */
  meant?: true;
}

export const UPSERT_DOCUMENT = /* GraphQL */ `
  mutation IngestDocument($input: UpsertDocumentInput!) {
    upsertDocument(input: $input) {
      document {
        id
        updatedAt
      }
    }
  }
`;
