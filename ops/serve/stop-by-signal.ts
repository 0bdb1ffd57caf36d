/** Ending what a command does when it is told to. */

/** @param hint what whoever ends it should know, behind the signal's name @returns what is aborted by the first signal to end */
export function stopBySignal(hint = ''): AbortController {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => stop.abort(new Error(`Stopped by ${signal}${hint}.`)));
  return stop;
}
