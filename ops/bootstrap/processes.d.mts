/**
 * When a process began, as an opaque token: two processes that had the same id at different times have different tokens.
 * Undefined when there is no such process, or it has ended and only waits to be reaped.
 */
export function processStartTime(pid: number): Promise<string | undefined>;
/** The parent of a process; undefined when there is no such process. */
export function parentProcess(pid: number): Promise<number | undefined>;
/** The command line of a process, its arguments separated by spaces; undefined when there is no such process. */
export function processCommandLine(pid: number): Promise<string | undefined>;
