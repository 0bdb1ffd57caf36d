/** The cursors of this subgraph's lists, checked value by value: a client may send back anything. */
import { decodeCursor, malformedCursor } from '#subgraphs/shared/cursors.ts';
import type { RelationKey } from '../driver.ts';

export function entityCursor(list: string, cursor: string): readonly [name: string, id: string] {
  const [name, id] = decodeCursor(list, cursor, 2);
  return [text(name), text(id)];
}

export function relationCursor(list: string, cursor: string): RelationKey {
  const [type, name, id, direction] = decodeCursor(list, cursor, 4);
  return [text(type), text(name), text(id), direction === 'OUT' || direction === 'IN' ? direction : malformed()];
}

export function neighborCursor(list: string, cursor: string): readonly [depth: number, name: string, id: string] {
  const [depth, name, id] = decodeCursor(list, cursor, 3);
  return [whole(depth), text(name), text(id)];
}

export function mentionCursor(list: string, cursor: string): readonly [position: number, id: string] {
  const [position, id] = decodeCursor(list, cursor, 2);
  return [whole(position), text(id)];
}

const text = (value: unknown): string => (typeof value === 'string' ? value : malformed());

/** Stores hold positions as 32-bit integers. */
const whole = (value: unknown): number =>
  Number.isInteger(value) && Math.abs(value as number) < 2 ** 31 ? (value as number) : malformed();

function malformed(): never {
  throw malformedCursor();
}
