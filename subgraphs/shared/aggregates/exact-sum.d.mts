/** A sum of numbers, which are texts: of digits, with a point or an exponent where they have one. */
export class ExactSum {
  /**
   * @param times how often it is added
   * @throws Error for what is no number
   */
  add(text: string, times?: number): void;
  /** With all its digits; null of none. */
  sum(): string | null;
  /** To 16 digits behind the point or more, rounded half away from 0; null of none. */
  average(): string | null;
}

/** The largest multiple of a width, which is above 0, that a number does not go below. Both are texts of digits. */
export function multipleBelow(text: string, width: string): string;
