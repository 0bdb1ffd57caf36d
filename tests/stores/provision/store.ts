import type { Workplace } from './workplace.ts';

/** A real server, or a program, that suites need, and how to get one on a machine without Docker. */
export interface Store {
  /** What `--only` calls it. */
  readonly name: string;
  /** What runs, for people: the product and its pinned version. */
  readonly title: string;
  /**
   * Whether it takes so long to build or to test that it is started only with `--all`, or when it is named. @default
   * false
   */
  readonly slow?: boolean;
  /**
   * Files of tests that need it, relative to the project's folder. Each must run at least one test while the store is
   * up.
   */
  readonly suites: readonly string[];
  /** Those that run with `--all` only. */
  readonly slowSuites?: readonly string[];
  /** What this server, unlike its kind, cannot do: tests of which the name contains `test` may skip. */
  readonly limits?: readonly { test: string; why: string }[];
  /**
   * Why it cannot be had on this machine, naming what to install; undefined when it can. Asks nothing of the network.
   */
  available(workplace: Workplace): Promise<string | undefined>;
  /**
   * Fetches what is not in the cache and starts the server on loopback, on a port that was free; of a program that suites
   * start themselves it only says where it is.
   *
   * @throws NotProvisioned when it could not be fetched; any other error when it was, and does not run.
   */
  start(workplace: Workplace): Promise<RunningStore>;
}

export interface RunningStore {
  /** What the suites read to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the server. Its data are the workplace's to remove. */
  close(): Promise<void>;
}

/** The store could not be had: no network, a registry that does not answer, a checksum that differs. */
export class NotProvisioned extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'NotProvisioned';
  }
}
