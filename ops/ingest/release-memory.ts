import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives back the memory that a burst of work has left behind. V8 would keep it as room for the next burst, which after
 * the first ingestion never comes: about 150 MB.
 */
export function releaseMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: {
    type: 'major';
    flavor: 'last-resort';
    execution: 'sync';
  }) => void;
  setFlagsFromString('--no-expose-gc');
  // Survivors are spread thinly over many pages; without compaction hardly any page could be given back.
  setFlagsFromString('--compact-on-every-full-gc');
  collect();
  // Newer versions keep emptied pages for the next burst, but not when told that this is the last resort.
  collect({ type: 'major', flavor: 'last-resort', execution: 'sync' });
  setFlagsFromString('--no-compact-on-every-full-gc');
}
