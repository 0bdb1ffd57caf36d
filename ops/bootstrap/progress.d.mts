/** A progress bar for people, and a few plain lines where there is no terminal. */

export interface Progress {
  /** Shows that `done` of the total are done. */
  update(done: number): void;
  /** Ends the line. */
  end(): void;
}

/**
 * Shows progress on `out`: a bar that redraws itself on a terminal, a line for each quarter elsewhere.
 * @param label what is being done
 * @param total how many there are; 0 shows a bare count
 * @param out @default standard error
 */
export function showProgress(label: string, total: number, out?: NodeJS.WriteStream): Progress;
