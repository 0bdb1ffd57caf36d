/** What a running server says of itself. */
export interface Health {
  readonly ready: boolean;
  /** For people. */
  readonly line: string;
}

/** Asks the server that listens at `HOST` and `PORT` of an environment whether it is ready. Never rejects. */
export function askHealth(env: NodeJS.ProcessEnv): Promise<Health>;
