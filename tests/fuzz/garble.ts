/** Texts with something wrong in them. */
import type { Random } from '#tests/engine/random/random.ts';
import { hostileText } from './values.ts';

const PIECES = ['{', '}', '(', ')', '[', ']', '...', '@', '$', '!', ':', '"', '"""', '#', '|', '&', '=', 'fragment', 'query', 'on', 'null', 'subscription', 'type', 'schema', 'extend', '__typename', '\u0000', '\ufeff', '9'.repeat(400), '{'.repeat(3_000), '"\\u{110000}"', '\\uD800', '@a'.repeat(500), '@include(if:true)'.repeat(50), '...on Query'.repeat(20), 'a '.repeat(12_000), ',,,,', '-']; // prettier-ignore

/** The text with a few pieces cut out, doubled, moved or put in. */
export function garble(text: string, random: Random): string {
  let garbled = text;
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(garbled.length + 1);
    const to = Math.min(garbled.length, at + 1 + random.below(random.pick([2, 20, 200])));
    switch (random.below(6)) {
      case 0:
        garbled = garbled.slice(0, at) + garbled.slice(to);
        break;
      case 1:
        garbled = garbled.slice(0, to) + garbled.slice(at);
        break;
      case 2:
        garbled = garbled.slice(0, at) + random.pick(PIECES) + garbled.slice(at);
        break;
      case 3:
        garbled = garbled.slice(0, at) + hostileText(random).slice(0, 5_000) + garbled.slice(to);
        break;
      case 4:
        garbled = garbled.slice(0, at);
        break;
      default:
        garbled = garbled.slice(0, at) + garbled.slice(at, to).repeat(random.pick([2, 50])) + garbled.slice(to);
    }
    garbled = garbled.slice(0, 400_000);
  }
  return garbled;
}
