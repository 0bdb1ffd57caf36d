/** What stores follow besides their own: documents, and what agents remember. Its id says which of them something is. */
import type { SubgraphBuilder } from './builder-types.ts';
import { isIdOf } from './ids.ts';

const KINDS = {
  DOCUMENT: { description: 'Documents, of which every store follows its part.' },
  MEMORY_FACT: { description: 'Remembered facts, which the vector store follows.' },
} as const;

export type IndexedKind = keyof typeof KINDS;

export const indexedKindOf = (id: string): IndexedKind => (isIdOf('MemoryFact', id) ? 'MEMORY_FACT' : 'DOCUMENT');

/** The enum in fields that the gateway alone asks. */
export const indexedKindType = (builder: SubgraphBuilder) =>
  builder.enumType('IndexedKind', {
    description: 'What stores follow. For the gateway itself.',
    values: KINDS,
    inaccessible: true,
  });
