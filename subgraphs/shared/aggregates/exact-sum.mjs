// Sums and averages with all their digits. Plain JavaScript, so that processes without the TypeScript loader have it too.

const NUMBER = /^([-+]?)(\d*)(?:\.(\d*))?(?:e([-+]?\d{1,4}))?$/i;
/** The fewest digits behind the point that an average is worked out to. */
const AVERAGED = 16;

const power = (digits) => 10n ** BigInt(digits);

/** A number as `digits` and how many of them are behind the point. */
function partsOf(text) {
  const found = NUMBER.exec(text);
  if (found === null) throw new Error(`No number: ${text.slice(0, 80)}.`);
  const [, sign, whole, fraction = '', exponent = '0'] = found;
  const scale = fraction.length - Number(exponent);
  const size = BigInt(whole + fraction) * (scale < 0 ? power(-scale) : 1n);
  return { digits: sign === '-' ? -size : size, scale: Math.max(scale, 0) };
}

function written(digits, scale) {
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0');
  const at = text.length - scale;
  return `${digits < 0n ? '-' : ''}${text.slice(0, at)}${scale === 0 ? '' : `.${text.slice(at)}`}`;
}

/** By hand: a pattern would begin at each of many zeros. */
function withoutZeros(text) {
  if (!text.includes('.')) return text;
  let end = text.length;
  while (text[end - 1] === '0') end--;
  if (text[end - 1] === '.') end--;
  return text.slice(0, end);
}

export class ExactSum {
  #digits = 0n;
  #scale = 0;
  #count = 0;

  add(text, times = 1) {
    const { digits, scale } = partsOf(text);
    if (scale > this.#scale) {
      this.#digits *= power(scale - this.#scale);
      this.#scale = scale;
    }
    this.#digits += digits * power(this.#scale - scale) * BigInt(times);
    this.#count += times;
  }

  sum() {
    return this.#count === 0 ? null : written(this.#digits, this.#scale);
  }

  average() {
    if (this.#count === 0) return null;
    const further = Math.max(AVERAGED - this.#scale, 4);
    const [whole, by] = [this.#digits * power(further), BigInt(this.#count)];
    const half = by / 2n;
    // Rounded half away from 0.
    const rounded = whole < 0n ? -((-whole + half) / by) : (whole + half) / by;
    return withoutZeros(written(rounded, this.#scale + further));
  }
}

export function multipleBelow(text, width) {
  const [number, by] = [partsOf(text), partsOf(width)];
  const scale = Math.max(number.scale, by.scale);
  const digits = number.digits * power(scale - number.scale);
  const step = by.digits * power(scale - by.scale);
  return withoutZeros(written(digits - (((digits % step) + step) % step), scale));
}
