/**
 * A folder that is looked through again and again. Not by the system's events: network drives, folders that a container
 * mounts and WSL have none, watching many folders passes its limits, and events say too little to go without looking.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { INGEST } from './bounds.ts';
import type { Folder } from './folder.ts';
import { FatalIngestError } from './run.ts';

export interface WatchOptions {
  readonly look: () => Promise<Folder>;
  /** Called at first, and then whenever the folder has changed and has come to rest. */
  readonly pass: (folder: Folder) => Promise<void>;
  /** Called with what keeps it from going on, once for each fault; it is tried again. */
  readonly onFault: (fault: Error) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Resolves once the signal has ended it. @throws what is no {@link FatalIngestError} */
export async function watchFolder({ look, pass, onFault, signal }: WatchOptions): Promise<void> {
  let seen: string | undefined;
  let fault: string | undefined;
  while (!signal.aborted) {
    const began = performance.now();
    try {
      let folder = await look();
      const took = performance.now() - began;
      if (stateOf(folder) !== seen) {
        if (seen !== undefined) folder = await atRest(folder, look, signal);
        if (signal.aborted) return;
        await pass(folder);
        seen = stateOf(folder);
      }
      fault = undefined;
      await rest(Math.max(INGEST.watchMs, took * INGEST.watchShare), signal);
    } catch (error) {
      if (!(error instanceof FatalIngestError)) throw error;
      if (error.message !== fault) onFault(error);
      fault = error.message;
      await rest(INGEST.restlessMs, signal);
    }
  }
}

/** Editors write a file anew, move it away, move another in its place: what a moment shows may be half of that. */
async function atRest(first: Folder, look: WatchOptions['look'], signal: AbortSignal): Promise<Folder> {
  const until = performance.now() + INGEST.restlessMs;
  for (let folder = first; ;) {
    await rest(INGEST.quietMs, signal);
    const next = await look();
    if (signal.aborted || stateOf(next) === stateOf(folder) || performance.now() > until) return next;
    folder = next;
  }
}

const stateOf = ({ files, whole }: Folder): string =>
  [whole, ...files.map(({ path, state }) => `${path}\0${state}`)].join('\n');

const rest = (ms: number, signal: AbortSignal): Promise<void> =>
  pause(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
