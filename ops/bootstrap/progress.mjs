// A progress bar for people, and a few plain lines where there is no terminal. Plain JavaScript, because the installer
// shows one before there is anything that reads TypeScript.

const WIDTH = 30;

/**
 * Shows progress on `out`: a bar that redraws itself on a terminal, a line for each quarter elsewhere.
 * @param {string} label what is being done
 * @param {number} total how many there are; 0 shows a bare count
 * @param {NodeJS.WriteStream} [out] @default standard error
 */
export function showProgress(label, total, out = process.stderr) {
  let lastShown = -1;
  const part = (done) => (total === 0 ? 0 : Math.min(1, done / total));
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
