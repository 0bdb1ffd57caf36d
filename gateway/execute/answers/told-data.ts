/**
 * What of an answer in parts has been told, as far as it matters to what is still to come. Where two parts have one object, a
 * null that must not be takes it out of the one alone: what is left of the other is for an object that the client has no
 * more.
 */
import type { Path } from '#gateway/respond/response-errors.ts';

export class ToldData {
  /** By the texts of the places that it was told for. */
  readonly #byPlace = new Map<string, unknown[]>();

  /** @param data what the place has, or some of it */
  add(place: Path, data: unknown): void {
    const key = JSON.stringify(place);
    const known = this.#byPlace.get(key);
    if (known === undefined) this.#byPlace.set(key, [data]);
    else known.push(data);
  }

  /** Whether there is a null at the place, or on the way to it, in anything that was told. */
  isNull(place: Path): boolean {
    if (this.#byPlace.size === 0) return false;
    for (let length = 0; length <= place.length; length++)
      for (const told of this.#byPlace.get(JSON.stringify(place.slice(0, length))) ?? [])
        if (leadsToNull(told, place.slice(length))) return true;
    return false;
  }
}

/** Not where something is missing: another part may have it. */
function leadsToNull(data: unknown, path: Path): boolean {
  let value = data;
  for (const part of path) {
    if (value === null || value === undefined) break;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value === null;
}
