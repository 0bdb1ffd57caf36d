/** What both drivers do with writes before they reach a store: ids, duplicates within one call, merged properties. */
import { isDeepStrictEqual } from 'node:util';
import { derivedId, entityId } from '#subgraphs/shared/ids.ts';
import type {
  DocumentGraph,
  Entity,
  EntityReference,
  EntityWrite,
  Properties,
  Relation,
  RelationWrite,
  StoredItem,
} from '../driver.ts';

/**
 * Merges top-level properties: a later value replaces an earlier one, and null removes it (as RFC 7396 does at its top
 * level). Keys such as `__proto__` are ordinary keys.
 */
export function mergeProperties(before: Properties, patch: Properties): Properties {
  const merged = new Map(Object.entries(before));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** Joins two patches so that applying the result equals applying one after the other; nulls are kept. */
const joinPatches = (first: Properties, second: Properties): Properties =>
  Object.fromEntries([...Object.entries(first), ...Object.entries(second)]);

/** Gives entities their ids and joins duplicates, in the order in which each first appears. */
export function entityPatches(tenantId: string, writes: Iterable<EntityWrite>): Map<string, Entity> {
  const patches = new Map<string, Entity>();
  for (const { name, kind, properties } of writes) {
    const id = entityId(tenantId, kind, name);
    const before = patches.get(id);
    patches.set(id, { id, name, kind, properties: before ? joinPatches(before.properties, properties) : properties });
  }
  return patches;
}

/** The id that a reference means, whether or not such an entity exists. */
export const referencedId = (tenantId: string, reference: EntityReference): string =>
  'id' in reference ? reference.id : entityId(tenantId, reference.kind, reference.name);

export const relationId = (tenantId: string, from: string, type: string, to: string): string =>
  derivedId('Relation', tenantId, from, type, to);

/** Gives relations their ids and joins duplicates, in the order in which each first appears. */
export function relationPatches(tenantId: string, writes: Iterable<RelationWrite>): Map<string, Relation> {
  const patches = new Map<string, Relation>();
  for (const { from: fromReference, to: toReference, type, properties } of writes) {
    const from = referencedId(tenantId, fromReference);
    const to = referencedId(tenantId, toReference);
    const id = relationId(tenantId, from, type, to);
    const before = patches.get(id);
    patches.set(id, {
      id,
      type,
      from,
      to,
      properties: before ? joinPatches(before.properties, properties) : properties,
    });
  }
  return patches;
}

/**
 * Decides what a write changes.
 * @param byHand whether to mark what is written as written by hand: all, only what is created, or none. A mark stays.
 * @returns `now`: everything as it is after the write, in the order of `patches`; `changed`: what must be stored
 */
export function changesOf<Item extends { readonly id: string; readonly properties: Properties }>(
  patches: ReadonlyMap<string, Item>,
  stored: ReadonlyMap<string, StoredItem>,
  byHand: boolean | 'when new',
): { now: Map<string, Item>; changed: (Item & { byHand: boolean })[] } {
  const now = new Map<string, Item>();
  const changed: (Item & { byHand: boolean })[] = [];
  for (const patch of patches.values()) {
    const before = stored.get(patch.id);
    const after = { ...patch, properties: mergeProperties(before?.properties ?? {}, patch.properties) };
    const mark = before ? before.byHand || byHand === true : byHand !== false;
    if (!before || before.byHand !== mark || !isDeepStrictEqual(before.properties, after.properties))
      changed.push({ ...after, byHand: mark });
    now.set(patch.id, after);
  }
  return { now, changed };
}

/** `ids` without repetitions, as far as `rows` has them. */
export function presentIds(ids: readonly string[], rows: readonly { id: string }[]): string[] {
  const present = new Set(rows.map(({ id }) => id));
  return [...new Set(ids)].filter((id) => present.has(id));
}

/** The ends of relations that are given by name and kind, without properties. */
export function* namedEnds(relations: Iterable<RelationWrite>): Generator<EntityWrite> {
  for (const { from, to } of relations) {
    for (const end of [from, to]) if (!('id' in end)) yield { name: end.name, kind: end.kind, properties: {} };
  }
}

/** A batch of documents taken apart into what a store writes. */
export interface DocumentBatch {
  readonly documentIds: readonly string[];
  /** Mentioned entities and ends of relations. */
  readonly entities: ReadonlyMap<string, Entity>;
  readonly relations: ReadonlyMap<string, Relation>;
  readonly mentions: readonly { documentId: string; entityId: string; position: number }[];
  readonly assertions: readonly { documentId: string; relationId: string }[];
}

/** Takes a batch apart. Where a document is given twice, the last one counts. */
export function documentBatch(tenantId: string, given: readonly DocumentGraph[]): DocumentBatch {
  const documents = [...new Map(given.map((document) => [document.documentId, document])).values()];
  const relations = documents.flatMap((document) => document.relations);
  return {
    documentIds: documents.map(({ documentId }) => documentId),
    entities: entityPatches(tenantId, [...documents.flatMap((document) => document.entities), ...namedEnds(relations)]),
    relations: relationPatches(tenantId, relations),
    mentions: documents.flatMap(({ documentId, entities }) =>
      [...entityPatches(tenantId, entities).keys()].map((id, position) => ({ documentId, entityId: id, position })),
    ),
    assertions: documents.flatMap((document) =>
      [...relationPatches(tenantId, document.relations).keys()].map((id) => ({
        documentId: document.documentId,
        relationId: id,
      })),
    ),
  };
}
