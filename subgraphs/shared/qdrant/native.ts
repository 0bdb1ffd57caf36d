/** What Qdrant checks of a condition: at least what it lets through. The rest is looked at by who asks. */
import type { Schemas } from '@qdrant/js-client-rest';

type FieldCondition = Schemas['FieldCondition'];

export interface Native {
  /** True where it lets through everything, false where nothing. */
  readonly filter: Schemas['Filter'] | FieldCondition | boolean;
  /** Whether it lets through no more than the condition does. */
  readonly exact: boolean;
}

export const ALL: Native = { filter: true, exact: true };
export const NOTHING: Native = { filter: false, exact: true };
/** What Qdrant does not check. */
export const UNCHECKED: Native = { filter: true, exact: false };

/** All of these, or any of them. */
export function together(parts: readonly Native[], all: boolean): Native {
  // What decides alone: nothing where all must hold, everything where one need.
  if (parts.some(({ filter, exact }) => filter === !all && exact)) return all ? NOTHING : ALL;
  if (!all && parts.some(({ filter }) => filter === true)) return UNCHECKED;
  const exact = parts.every((part) => part.exact);
  const filters = parts.flatMap(({ filter }) => (typeof filter === 'boolean' ? [] : [filter]));
  if (filters.length === 0) return { filter: all, exact };
  return { filter: filters.length === 1 ? filters[0]! : { [all ? 'must' : 'should']: filters }, exact };
}

/** What does not match this. */
export function without({ filter, exact }: Native): Native {
  if (!exact) return UNCHECKED;
  return { filter: typeof filter === 'boolean' ? !filter : { must_not: [filter] }, exact };
}
