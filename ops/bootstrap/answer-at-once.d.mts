/** Answers what needs no server, `--help` and `--health`, and ends the process; else returns. */
export function answerAtOnce(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void>;
