/**
 * What else ends when a request does. One listener for each signal: each costs, and Node warns of more than ten on one.
 */

const hooksOf = new WeakMap<AbortSignal, Set<() => void>>();

const NOTHING = (): void => undefined;

/**
 * Calls `hook` once when `signal` is aborted; at once when it has been.
 * @returns takes the hook off again
 */
export function onAbort(signal: AbortSignal | undefined, hook: () => void): () => void {
  if (signal === undefined) return NOTHING;
  if (signal.aborted) {
    hook();
    return NOTHING;
  }
  let hooks = hooksOf.get(signal);
  if (hooks === undefined) {
    const added = (hooks = new Set());
    hooksOf.set(signal, added);
    signal.addEventListener(
      'abort',
      () => {
        for (const one of added) one();
        added.clear();
      },
      { once: true },
    );
  }
  const set = hooks;
  set.add(hook);
  return () => void set.delete(hook);
}
