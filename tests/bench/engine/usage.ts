/** What a process under measurement has used; asked over IPC. */

/** All of its threads included. */
export interface Usage {
  cpuMs: number;
  rssMb: number;
  /** After a collection, where the process may force one. */
  heapMb: number;
}

/** Answers `usage` for as long as somebody may ask, and ends the process with whoever started it. */
export function answerUsage(): void {
  process.once('disconnect', () => process.exit());
  process.on('message', (message) => {
    if (message === 'usage') process.send!(usage());
  });
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { cpuMs: (user + system) / 1_000, rssMb: rss / 1_048_576, heapMb: heapUsed / 1_048_576 };
}
