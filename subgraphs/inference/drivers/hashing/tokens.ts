/** Cuts text into words for the hashing embedder, over UTF-16 code units and without making strings of them. */

const LETTER = 1;
const IDEOGRAPH = 2;

/**
 * The class of each UTF-16 code unit: 0 separates words, {@link LETTER} continues one, {@link IDEOGRAPH} is of a script
 * that is written without spaces. Surrogates count as letters, so that characters beyond the basic plane are not torn
 * apart.
 */
let classes: Uint8Array | undefined;

function unitClasses(): Uint8Array {
  if (classes) return classes;
  classes = new Uint8Array(65_536);
  for (let unit = 0; unit < 65_536; unit++) {
    if (unit >= 0xd800 && unit <= 0xdfff) classes[unit] = LETTER;
    else {
      const character = String.fromCharCode(unit);
      if (
        /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u.test(
          character,
        )
      )
        classes[unit] = IDEOGRAPH;
      else if (/[\p{L}\p{N}\p{M}]/u.test(character)) classes[unit] = LETTER;
    }
  }
  return classes;
}

/**
 * Calls `word` with the bounds of each word in `units`, in order; the end is exclusive. Both bounds are only valid
 * during the call.
 * @param ideographs whether the word is of a script without spaces
 */
export function forEachWord(
  units: Uint16Array,
  length: number,
  word: (start: number, end: number, ideographs: boolean) => void,
): void {
  const classOf = unitClasses();
  let at = 0;
  while (at < length) {
    const kind = classOf[units[at]!]!;
    if (kind === 0) {
      at++;
      continue;
    }
    const start = at;
    while (at < length && classOf[units[at]!] === kind) at++;
    word(start, at, kind === IDEOGRAPH);
  }
}
