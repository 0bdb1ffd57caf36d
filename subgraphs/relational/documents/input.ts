/** What `upsertDocument` accepts, and what it makes of it before a store is touched: ids, hash, chunks. */
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { createHash } from 'node:crypto';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { derivedId, documentId } from '#subgraphs/shared/ids.ts';
import { DEFAULT_COLLECTION } from '#subgraphs/shared/document-collection.ts';
import { ESTIMATE } from '#subgraphs/shared/tokens.ts';
import { RELATIONAL } from '../bounds.ts';
import { CHUNKING } from './chunking.ts';
import type { DocumentEntity, DocumentRelation, EntityName, PreparedDocument } from '../driver.ts';
import { checkMediaType, checkName, checkText } from '../input.ts';

/** Relation types are what Cypher takes without quoting, in the customary capitals. */
const RELATION_TYPE = /^[A-Z][A-Z0-9_]{0,63}$/;

export interface UpsertDocumentInput {
  title: string;
  source: string;
  collection?: string | null;
  mediaType: string;
  text?: string | null;
  /** A file, in base64, in the place of a text. */
  content?: string | null;
  metadata?: JsonValue | null;
  entities?: (EntityName & { properties?: JsonValue | null })[] | null;
  relations?: { from: EntityName; to: EntityName; type: string; properties?: JsonValue | null }[] | null;
}

/** A document with its text, whichever way that came. */
export type TextDocumentInput = Omit<UpsertDocumentInput, 'text' | 'content'> & { text: string };

/** Cuts a text into its chunks; see `in-thread.ts`. */
export type Cut = (text: { text: string; mediaType: string; title: string }) => Promise<string[]>;

/**
 * Checks a batch and prepares each document.
 * @param maxTokens that `cut` cuts for
 * @throws CodedError `BAD_USER_INPUT` that names the field at fault; what `cut` throws
 */
export async function prepareDocuments(
  tenantId: string,
  inputs: readonly TextDocumentInput[],
  cut: Cut,
  maxTokens?: number,
): Promise<PreparedDocument[]> {
  checkCount(inputs);
  const sources = new Set<string>();
  let bytes = 0;
  for (const { source, text } of inputs) {
    if (sources.has(source))
      throw badUserInput(`\`documents\` names the source ${JSON.stringify(source.slice(0, 200))} twice.`);
    sources.add(source);
    bytes += Buffer.byteLength(text);
  }
  if (bytes > RELATIONAL.batchBytes) {
    throw badUserInput(`\`documents\` has ${bytes} bytes of text; at most ${RELATIONAL.batchBytes} are accepted.`);
  }
  const checked = inputs.map((input) => checkDocument(tenantId, input, maxTokens));
  const prepared: PreparedDocument[] = [];
  // One after the other: a batch takes the turns of one request.
  for (const document of checked) prepared.push(withChunks(document, await cut(document)));
  return prepared;
}

/** @throws CodedError `BAD_USER_INPUT` where they are more than one call may write */
export function checkCount({ length }: readonly UpsertDocumentInput[]): void {
  if (length > RELATIONAL.batch)
    throw badUserInput(`\`documents\` has ${length} items; at most ${RELATIONAL.batch} are accepted.`);
}

/** A document with its chunks. */
export const withChunks = (document: CheckedDocument, chunks: readonly string[]): PreparedDocument => ({
  ...document,
  // The document's id is the tenant's own, so the chunk's is too. Without the index, a text that moves keeps its id.
  chunks: chunks.map((text, index) => ({ id: derivedId('Chunk', document.id, text), index, text })),
});

/** How documents are cut today, for a model that takes so many tokens: see {@link PreparedDocument.cutting}. */
export const cuttingOf = (maxTokens?: number): string =>
  `${CHUNKING}${maxTokens === undefined ? '' : ` for ${maxTokens} tokens, estimate ${ESTIMATE}`}`;

/** All of a document but its chunks. */
export type CheckedDocument = Omit<PreparedDocument, 'chunks'>;

/**
 * Checks one document; see {@link prepareDocuments}.
 * @param maxTokens that it is cut for; one that was cut for others is not the same
 */
export function checkDocument(tenantId: string, input: TextDocumentInput, maxTokens?: number): CheckedDocument {
  const title = checkName('title', input.title);
  const source = checkName('source', input.source);
  const collection = checkText('collection', input.collection ?? DEFAULT_COLLECTION, {
    max: RELATIONAL.collectionCharacters,
  });
  const mediaType = checkMediaType('mediaType', input.mediaType);
  const bytes = Buffer.byteLength(input.text);
  if (bytes > RELATIONAL.textBytes) {
    throw badUserInput(`\`text\` is ${bytes} bytes long; at most ${RELATIONAL.textBytes} are accepted.`, {
      hint: 'Split the document.',
    });
  }
  const text = checkText('text', input.text, { max: RELATIONAL.textBytes, blank: true });
  const metadata = jsonObject('metadata', input.metadata);
  const entities = checkEntities(input.entities ?? []);
  const relations = checkRelations(input.relations ?? []);
  const propertyBytes = Buffer.byteLength(
    writeJson([entities, relations].map((list) => list.map(({ properties }) => properties))),
  );
  if (propertyBytes > RELATIONAL.propertyBytes) {
    throw badUserInput(
      `The properties of all entities and relations are ${propertyBytes} bytes; at most ${RELATIONAL.propertyBytes} are accepted.`,
    );
  }

  const id = documentId(tenantId, source);
  const contentHash = sha256(text);
  return {
    id,
    title,
    source,
    collection,
    mediaType,
    text,
    contentHash,
    metadata,
    objectKey: documentKey(id, source),
    entities,
    relations,
    cutting: cuttingOf(maxTokens),
    digest: sha256(
      writeJson(
        canonical([
          CHUNKING,
          ...(maxTokens === undefined ? [] : [maxTokens, ESTIMATE]),
          title,
          source,
          mediaType,
          contentHash,
          metadata,
          entities as never,
          relations as never,
          // As it was before there were collections.
          ...(collection === DEFAULT_COLLECTION ? [] : [collection]),
        ]),
      ),
    ),
  };
}

function checkEntities(entities: NonNullable<UpsertDocumentInput['entities']>): DocumentEntity[] {
  if (entities.length > RELATIONAL.entities) {
    throw badUserInput(`\`entities\` has ${entities.length} items; at most ${RELATIONAL.entities} are accepted.`);
  }
  return entities.map((entity, index) => ({
    ...entityName(`entities[${index}]`, entity),
    properties: jsonObject(`entities[${index}].properties`, entity.properties),
  }));
}

function checkRelations(relations: NonNullable<UpsertDocumentInput['relations']>): DocumentRelation[] {
  if (relations.length > RELATIONAL.relations) {
    throw badUserInput(`\`relations\` has ${relations.length} items; at most ${RELATIONAL.relations} are accepted.`);
  }
  return relations.map((relation, index) => {
    if (!RELATION_TYPE.test(relation.type)) {
      throw badUserInput(
        `\`relations[${index}].type\` must be 1 to 64 capitals, digits and underscores, starting with a letter, such as DEPENDS_ON.`,
      );
    }
    return {
      from: entityName(`relations[${index}].from`, relation.from),
      to: entityName(`relations[${index}].to`, relation.to),
      type: relation.type,
      properties: jsonObject(`relations[${index}].properties`, relation.properties),
    };
  });
}

const entityName = (name: string, entity: EntityName): EntityName => ({
  name: checkText(`${name}.name`, entity.name, { max: RELATIONAL.entityNameCharacters }),
  kind: checkText(`${name}.kind`, entity.kind, { max: RELATIONAL.entityKindCharacters }),
});

/** Returns a JSON object, empty where none was given. */
export function jsonObject(name: string, value: JsonValue | null | undefined): JsonValue {
  if (value === null || value === undefined) return {};
  if (!isJsonObject(value)) throw badUserInput(`\`${name}\` must be a JSON object.`);
  return value;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** JSON with the keys of every object in one order. Objects become lists, so that no key (`__proto__`) is special. */
function canonical(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return ['list', ...value.map(canonical)];
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return ['object', ...entries.map(([key, item]): JsonValue => [key, canonical(item)])];
}

/**
 * Where a document's bytes are kept. The basename is for people who browse the object store; the id makes it unique.
 */
export function documentKey(id: string, source: string): string {
  const basename = source.split(/[\\/]/).findLast((part) => part.trim() !== '') ?? '';
  const safe = basename
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[.-]+|[.-]+$/g, '');
  return `documents/${id}/${[...safe].slice(0, 100).join('') || 'document'}`;
}
