/**
 * Which objects match. Listings of some stores do not tell media types: those that a condition turns on are asked for, of the
 * objects that the rest of it leaves in question.
 */
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { checkOf } from '#subgraphs/shared/filters/holds.ts';
import { OBJECT } from '../bounds.ts';
import type { ListedObject } from '../driver.ts';
import { valuesOf, type ObjectField } from './condition.ts';

/** Of an object: whether it matches; undefined where its media type has to be known. */
export type Decide = (object: ListedObject) => boolean | undefined;

/** The field that a listing may lack. */
const UNLISTED: ObjectField = 'mediaType';

/** What all objects meet. */
export const ALL: Condition = { kind: 'and', of: [] };
const NONE: Condition = { kind: 'or', of: [] };

/** @param told whether the media type of all that match has to be known, whatever the condition */
export function deciderOf(where: Condition, told = false): Decide {
  const steps = { left: OBJECT.filterSteps };
  const holds = checkOf(where, steps);
  const mayHold = checkOf(bounded(where, true), steps);
  const mustHold = checkOf(bounded(where, false), steps);
  return (object) => {
    const values = valuesOf(object);
    if (object.contentType !== undefined) return holds(values);
    if (!mayHold(values)) return false;
    return mustHold(values) && !told ? true : undefined;
  };
}

/** A condition without media types that holds at least (or, else, at most) where this one does. */
function bounded(condition: Condition, atLeast: boolean): Condition {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return { ...condition, of: condition.of.map((part) => bounded(part, atLeast)) };
    case 'not':
      return { ...condition, of: bounded(condition.of, !atLeast) };
    case 'linked':
      return condition;
    default:
      return condition.column === UNLISTED ? (atLeast ? ALL : NONE) : condition;
  }
}
