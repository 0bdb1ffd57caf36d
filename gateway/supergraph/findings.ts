/** What composition makes and finds. Apart from what composes, which takes long to load and is only loaded where something is composed. */

/** One error or hint. */
export interface Finding {
  readonly code: string;
  readonly message: string;
  /** `file:line:column` of each place concerned. */
  readonly places: readonly string[];
}

export interface Composition {
  /** Absent when there are errors. */
  readonly supergraphSdl: string | undefined;
  readonly errors: readonly Finding[];
  readonly hints: readonly Finding[];
}

/** Findings as lines for a terminal or a log. */
export const describe = ({ code, message, places }: Finding): string =>
  `${places.length === 0 ? '' : `${places.join(', ')}: `}${code}: ${message}`;
