/** Ending what a command does when it is told to. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * @param hint what whoever ends it should know, behind the signal's name
 * @returns what is aborted by the first signal to end; disposed of, it listens no longer
 */
export function stopBySignal(hint = ''): AbortController & Disposable {
  const stop = new AbortController();
  const onSignal = (signal: string): void => stop.abort(new Error(`Stopped by ${signal}${hint}.`));
  for (const signal of SIGNALS) process.once(signal, onSignal);
  return Object.assign(stop, { [Symbol.dispose]: () => SIGNALS.forEach((signal) => process.off(signal, onSignal)) });
}
