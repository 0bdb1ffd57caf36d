/**
 * A read replica of a PostgreSQL server. A read goes there only where it sees what the tenant has written through this
 * process: the position of the server's log after each write is kept, and the replica must have replayed it
 * (`pg_last_wal_replay_lsn`). Writes of other processes are seen a second or two later at most: a replica that is
 * further behind, or away, is not asked.
 */
import type { RequestContext } from '../context.ts';
import { CodedError, sentences } from '../errors.ts';
import { POSTGRES } from './bounds.ts';
import { TENANT_ROLE } from './migrations.ts';
import type { PostgresPool, Statement } from './pool.ts';

export interface ReplicaOptions {
  readonly primary: PostgresPool;
  readonly replica: PostgresPool;
  /**
   * Time between two looks at both servers while reads come, in milliseconds, which bounds how far behind the replica
   * may be. @default 1000
   */
  readonly probeMs?: number;
  /** Called when the replica goes out of use or comes back into it. */
  readonly onChange?: (state: ReplicaState, detail?: string) => void;
}

/** `unknown` until the first look; `behind` and `away` replicas are not asked. */
export type ReplicaState = 'unknown' | 'ready' | 'behind' | 'away';

/** Later than every position: from here on writes are counted of which the position is not known yet. */
const UNKNOWN_POSITION = 1n << 64n;

const SERVER = `SELECT pg_is_in_recovery() AS replica, (SELECT system_identifier FROM pg_control_system())::text AS system,
  (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text AS position,
  (CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn() END)::text AS inserted`;
interface ServerRow {
  replica: boolean;
  system: string;
  position: string | null;
  /** On a primary, where its log ends, written out or not. */
  inserted: string | null;
}

export class ReadReplica {
  readonly #options: ReplicaOptions;
  /**
   * Where the log stood after the last write of each tenant that the replica may lack; `undefined` stands for those of
   * the system.
   */
  readonly #written = new Map<string | undefined, bigint>();
  /** Writes of which the position was not known when they were told. */
  #unknown = 0n;
  /** What the replica had replayed when last seen. */
  #replayed = 0n;
  #notBefore = 0;
  #state: ReplicaState = 'unknown';
  #detail: string | undefined;
  /** Where the primary's log stood at the last look. */
  #seen: bigint | undefined;
  #timer: NodeJS.Timeout | undefined;
  #asked = false;
  #lost = loss();
  #closed = false;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** What is wrong with it, in words. */
  get detail(): string | undefined {
    return this.#detail;
  }

  /** Remembers a write. @param tenantId `undefined` for writes of the system, which concern every tenant */
  wrote(tenantId: string | undefined, position: string | undefined): void {
    const at = position === undefined ? UNKNOWN_POSITION + ++this.#unknown : positionOf(position);
    if (at > (this.#written.get(tenantId) ?? 0n)) this.#written.set(tenantId, at);
  }

  /**
   * Reads from the replica, in one round trip.
   * @returns `undefined` where the primary must be asked instead
   */
  async read(context: RequestContext, statements: readonly Statement[]): Promise<unknown[][] | undefined> {
    this.#watch();
    if (this.#state !== 'ready') return undefined;
    const needed = this.#neededFor(context.principal.tenantId);
    if (needed > this.#replayed && performance.now() < this.#notBefore) return undefined;
    try {
      const attempt = this.#options.replica.transact(context, {
        role: TENANT_ROLE,
        readOnly: true,
        pipelined: true,
        work: async (tx) =>
          await Promise.all([
            // Before the statements, whose snapshots are taken after it.
            needed > this.#replayed ? tx.query<{ position: string | null }>(POSITION) : undefined,
            ...statements.map((statement) => tx.query(statement)),
          ]),
      });
      attempt.catch(() => undefined); // Heard by nobody when the replica was lost first.
      const [position, ...rows] = await Promise.race([attempt, this.#lost.promise]);
      if (position !== undefined) {
        const replayed = positionOf((position as { position: string | null }[])[0]?.position ?? '0/0');
        this.#replayed = max(this.#replayed, replayed);
        // These rows are as old as their own look says, however far another read has seen the replica since.
        if (replayed < needed) {
          this.#notBefore = performance.now() + POSTGRES.replicaPatienceMs;
          return undefined;
        }
      }
      return rows as unknown[][];
    } catch (error) {
      // A fault of the input would be the same on the primary. Conflicts are with what the replica replays.
      const code = error instanceof CodedError ? error.code : undefined;
      if (context.signal?.aborted === true || code === 'BAD_USER_INPUT') throw error;
      if (code === 'STORE_UNAVAILABLE') this.#become('away', describe(error));
      return undefined;
    }
  }

  /** Looks at both servers. Never rejects. */
  async probe(): Promise<void> {
    // Those that are told from here on may be later than what the primary says now.
    const lastUnknown = UNKNOWN_POSITION + this.#unknown;
    try {
      const [primary, replica] = await Promise.all([
        look(this.#options.primary, 'primary'),
        look(this.#options.replica, 'replica'),
      ]);
      const now = positionOf(primary.position ?? '0/0');
      const end = positionOf(primary.inserted ?? '0/0');
      for (const [tenantId, at] of this.#written)
        if (at > UNKNOWN_POSITION && at <= lastUnknown) this.#written.set(tenantId, end);
      if (!replica.replica)
        return this.#become('away', 'The server at DATABASE_REPLICA_URL is no replica: it takes writes.');
      if (replica.system !== primary.system)
        return this.#become('away', 'The server at DATABASE_REPLICA_URL is a replica of another server.');
      const replayed = positionOf(replica.position ?? '0/0');
      // A replica that was restored from an older backup is further back than it was.
      this.#replayed = replayed;
      for (const [tenantId, at] of this.#written) if (at <= replayed) this.#written.delete(tenantId);
      const enough = replayed >= (this.#seen ?? now);
      this.#seen = now;
      this.#become(
        enough ? 'ready' : 'behind',
        enough ? undefined : 'The replica is behind; the primary is read until it has caught up.',
      );
    } catch (error) {
      if (error instanceof LookError && error.which === 'primary') return; // Nothing is known of the replica.
      this.#become('away', describe(error instanceof LookError ? error.cause : error));
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#lost.reject(new Error('The pool is closing.'));
  }

  #neededFor(tenantId: string): bigint {
    return max(this.#written.get(tenantId) ?? 0n, this.#written.get(undefined) ?? 0n);
  }

  /** Goes on looking while somebody reads. */
  #watch(): void {
    this.#asked = true;
    if (this.#timer !== undefined || this.#closed) return;
    const look = (): void => {
      this.#asked = false;
      void this.probe().then(() => {
        if (this.#closed) return;
        this.#timer = setTimeout(() => {
          if (this.#asked) return look();
          // What is known grows old; the next reader begins with a new look.
          this.#timer = undefined;
          this.#seen = undefined;
          if (this.#state === 'ready') this.#state = 'unknown';
        }, this.#options.probeMs ?? POSTGRES.replicaProbeMs).unref();
      });
    };
    // Marks that looking has begun; the look itself sets the real one.
    this.#timer = setTimeout(() => undefined, 0).unref();
    look();
  }

  #become(state: ReplicaState, detail?: string): void {
    this.#detail = detail;
    if (state === this.#state) return;
    const before = this.#state;
    this.#state = state;
    if (state === 'away') {
      // Whoever waits for it asks the primary.
      this.#lost.reject(new CodedError('STORE_UNAVAILABLE', 'The replica is away.'));
      this.#lost = loss();
    }
    if (before !== 'unknown' || state !== 'ready') this.#options.onChange?.(state, detail);
  }
}

/** A promise that only ever rejects, which nobody need hear. */
function loss(): { promise: Promise<never>; reject: (reason: Error) => void } {
  let reject!: (reason: Error) => void;
  const promise = new Promise<never>((_, refuse) => (reject = refuse));
  promise.catch(() => undefined);
  return { promise, reject };
}

const POSITION: Statement = { sql: 'SELECT pg_last_wal_replay_lsn()::text AS position', parameters: [] };

class LookError extends Error {
  readonly which: 'primary' | 'replica';

  constructor(which: 'primary' | 'replica', cause: unknown) {
    super(`The ${which} did not answer.`, { cause });
    this.which = which;
  }
}

async function look(pool: PostgresPool, which: 'primary' | 'replica'): Promise<ServerRow> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`No answer within ${POSTGRES.replicaAnswerMs} ms.`)),
      POSTGRES.replicaAnswerMs,
    );
  });
  const answer = pool.lend(async (client) => (await client.query<ServerRow>(SERVER)).rows[0]!);
  answer.catch(() => undefined); // Heard by nobody when it is late.
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    throw new LookError(which, error);
  } finally {
    clearTimeout(timer);
  }
}

/** A position in the log, such as `16/B374D848`, as a number that grows. */
export function positionOf(text: string): bigint {
  const [high, low] = text.split('/') as [string, string];
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

const describe = (error: unknown): string => {
  const { message, extensions } = error as Error & { extensions?: { hint?: string } };
  return sentences(message, extensions?.hint?.replaceAll('DATABASE_URL', 'DATABASE_REPLICA_URL'));
};
