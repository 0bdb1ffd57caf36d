/** Names of what stands for a link that has been used, in stores that keep names in order. */
import { OBJECT } from '../bounds.ts';
import type { UploadLink } from '../driver.ts';

/** Begins with when it may be forgotten, in seconds since 1970. */
export const spentName = ({ id, expires }: UploadLink): string =>
  `${expires + OBJECT.clockSeconds}-${encodeURIComponent(id)}`;

/** When it may be forgotten, in milliseconds since 1970. */
export const endOfSpent = (name: string): number => Number(name.slice(0, name.indexOf('-'))) * 1_000;
