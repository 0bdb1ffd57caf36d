/** Values for every scalar: what clients mean, and what nobody should send. */
import type { Random } from '#tests/engine/random/random.ts';

/** Names that mean something to JavaScript. */
export const PROTOTYPE_NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'then', 'toJSON', 'length'] as const; // prettier-ignore

const CHARACTERS = ['\u0000', '\u0007', '\u001b[31m', '\u007f', '\u200b', '\u202e', '\ufeff', '\ufffd', '\ud800', '\udc00', '\u2028', '\r\n', '\\', '"', "'", '%', '%00', '%_', '$1', '`', '<script>', '🙂', 'é', 'ﬀ', '𝒳', '\u0301\u0301\u0301', '٣', "';--", '{{', '../', '*', '~', ':', '|', '&', '!', '(']; // prettier-ignore

const NUMBERS = ['0', '-0', '-1', '1', '200', '201', '2147483647', '2147483648', '-2147483649', '9007199254740993', '1e308', '1e400', '-1e400', '0.1', '1.0', '0.30000000000000004', '123456789012345678901234567890', '1e-400', '5e-324', '1E3']; // prettier-ignore

const MOMENTS = ['2026-01-01T00:00:00Z', '2026-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:60Z', '+275760-09-13T00:00:00.001Z', '-271821-04-19T23:59:59Z', '2026-01-01', '2026-01-01T00:00:00+99:99', '2026-01-01T24:00:00Z', 'infinity', 'now', '1', '2026-01-01T00:00:00.123456789123Z']; // prettier-ignore

const WORDS = ['query', 'planning', 'store', 'retry', 'a', 'the', 'Document', 'package', 'index', 'agent'] as const;

/** Text as people write it. */
export const plainText = (random: Random): string =>
  Array.from({ length: 1 + random.below(4) }, () => random.pick(WORDS)).join(' ');

/** Text as nobody does. */
export function hostileText(random: Random): string {
  switch (random.below(8)) {
    case 0:
      return random.pick(PROTOTYPE_NAMES);
    case 1:
      return random.pick(CHARACTERS).repeat(1 + random.below(300));
    case 2:
      return random.pick(['a', 'é', '🙂', '\ud800', ' ', '\n', 'ab ', '0', '-', '.', 'a.']).repeat(random.pick([100, 1_000, 10_000, 100_000])); // prettier-ignore
    case 3:
      return Array.from({ length: 1 + random.below(12) }, () => random.pick(CHARACTERS)).join('');
    case 4:
      return '';
    case 5:
      return `${plainText(random)}${random.pick(CHARACTERS)}${plainText(random)}`;
    case 6:
      return random.pick(NUMBERS);
    default:
      return Buffer.from(`["${random.pick(NUMBERS)}",${random.pick(NUMBERS)},null]`).toString('base64url');
  }
}

/** A number as JSON writes it. */
export const hostileNumber = (random: Random): string => random.pick(NUMBERS);

export const moment = (random: Random): string => random.pick(MOMENTS);

/** JSON of any kind, as text: deep, wide, with names that mean something, with a key twice. */
export function hostileJson(random: Random): string {
  const name = JSON.stringify(random.chance(0.5) ? random.pick(PROTOTYPE_NAMES) : hostileText(random).slice(0, 200));
  switch (random.below(9)) {
    case 0: {
      const depth = random.pick([10, 100, 127, 128, 1_000, 20_000]);
      return `${'['.repeat(depth)}${']'.repeat(depth)}`;
    }
    case 1: {
      const depth = random.pick([10, 100, 126, 1_000]);
      return `${`{${name}:`.repeat(depth)}1${'}'.repeat(depth)}`;
    }
    case 2:
      return `[${Array.from({ length: random.pick([10, 1_000, 20_000]) }, () => '0').join(',')}]`;
    case 3:
      return `{${name}:1,${name}:2}`;
    case 4:
      return `{${Array.from({ length: random.pick([3, 300, 5_000]) }, (_, index) => `"k${index}":${index}`).join(',')}}`;
    case 5:
      return `{${name}:{${name}:${JSON.stringify(hostileText(random).slice(0, 2_000))}}}`;
    case 6:
      return hostileNumber(random);
    case 7:
      return random.pick(['null', 'true', '[]', '{}', '""', '[null]', '[[]]', '{"":""}']);
    default:
      return JSON.stringify(hostileText(random));
  }
}
