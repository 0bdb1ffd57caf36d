/** A progress bar for people, and a few plain lines where there is no terminal. */

export interface Progress {
  /** Shows that `done` of the total are done. */
  update(done: number): void;
  /** Ends the line. */
  end(): void;
}

const WIDTH = 30;

/**
 * Shows progress on `out`: a bar that redraws itself on a terminal, a line for each quarter elsewhere.
 * @param label what is being done
 * @param total how many there are; 0 shows a bare count
 */
export function showProgress(label: string, total: number, out: NodeJS.WriteStream = process.stderr): Progress {
  let lastShown = -1;
  const part = (done: number): number => (total === 0 ? 0 : Math.min(1, done / total));
  return {
    update: (done) => {
      if (out.isTTY) {
        const filled = Math.round(part(done) * WIDTH);
        out.write(
          `\r${label} [${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}] ${done}${total === 0 ? '' : `/${total}`}`,
        );
        lastShown = done;
        return;
      }
      const quarter = Math.floor(part(done) * 4);
      if (total === 0 || quarter <= lastShown) return;
      lastShown = quarter;
      out.write(`${label} ${done}/${total}\n`);
    },
    end: () => {
      if (out.isTTY && lastShown >= 0) out.write('\n');
    },
  };
}
