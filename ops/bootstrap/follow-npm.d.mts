/**
 * Ends this process in good order when the npm that runs it is gone. npm passes signals on, but cannot pass on a SIGKILL.
 *
 * @param onGone @default a SIGTERM to this process
 */
export function followNpm(onGone?: () => void): Promise<void>;
