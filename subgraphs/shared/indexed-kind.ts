/** What stores follow besides their own: documents, what agents remember, and what is said in sessions. Its id says which of them something is. */
import type { SubgraphBuilder } from './builder-types.ts';
import { isIdOf, type IdType } from './ids.ts';

const KINDS = {
  DOCUMENT: { description: 'Documents, of which every store follows its part.' },
  MEMORY_FACT: { description: 'Remembered facts, which the vector store follows.' },
  MESSAGE: { description: 'Messages of sessions, which the vector store follows.' },
} as const;

export type IndexedKind = keyof typeof KINDS;

const ID_TYPES: Readonly<Record<IndexedKind, IdType>> = {
  DOCUMENT: 'Document',
  MEMORY_FACT: 'MemoryFact',
  MESSAGE: 'Message',
};
export const INDEXED_KINDS = Object.keys(ID_TYPES) as readonly IndexedKind[];

/** Undefined for what is of no such kind. */
const kindOf = (id: string): IndexedKind | undefined => INDEXED_KINDS.find((kind) => isIdOf(ID_TYPES[kind], id));

export const indexedKindOf = (id: string): IndexedKind => kindOf(id) ?? 'DOCUMENT';

/** Whether an id is of something that stores follow. */
export const isIndexedId = (id: string): boolean => kindOf(id) !== undefined;

/** The enum in fields that the gateway alone asks. */
export const indexedKindType = (builder: SubgraphBuilder) =>
  builder.enumType('IndexedKind', {
    description: 'What stores follow. For the gateway itself.',
    values: KINDS,
    inaccessible: true,
  });
