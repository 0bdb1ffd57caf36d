/**
 * Prepared statements: what a connection has parsed once it need not parse again, which is half of what the server
 * spends on a small read. They are planned anew each time (`force_custom_plan`), since one plan serves a tenant of one
 * row and one of a million badly.
 */
import type pg from 'pg';
import { POSTGRES } from './bounds.ts';

interface Named {
  /** By text, the least recently used first. */
  readonly names: Map<string, string>;
  made: number;
  /** Names that gave way and are still known to the server. */
  gone: string[];
}

export class PreparedStatements {
  readonly #uses = new Map<string, number>();
  readonly #connections = new WeakMap<pg.ClientBase, Named>();

  /** The name under which to run `text` on this connection; undefined for one that is not worth one. */
  nameOf(client: pg.ClientBase, text: string): string | undefined {
    if (text.length > POSTGRES.preparedCharacters) return undefined;
    let connection = this.#connections.get(client);
    if (connection === undefined) this.#connections.set(client, (connection = { names: new Map(), made: 0, gone: [] }));
    const { names } = connection;
    const known = names.get(text);
    if (known !== undefined) {
      names.delete(text);
      names.set(text, known);
      return known;
    }
    if (!this.#isWorthIt(text)) return undefined;
    if (names.size >= POSTGRES.preparedNames) {
      const [oldest, name] = names.entries().next().value!;
      names.delete(oldest);
      connection.gone.push(name);
    }
    // Never used again, so that nothing depends on when the server forgets it.
    const name = `t${connection.made++}`;
    names.set(text, name);
    return name;
  }

  /**
   * Statements that make the server forget what gave way on this connection; to be run outside a transaction, which may
   * have failed.
   */
  forgetting(client: pg.ClientBase): string[] {
    const connection = this.#connections.get(client);
    if (connection === undefined || connection.gone.length === 0) return [];
    const gone = connection.gone.splice(0);
    // The client keeps texts by name for as long as it lives, and has no way to tell it.
    const { parsedStatements } =
      (client as unknown as { connection?: { parsedStatements?: Record<string, string> } }).connection ?? {};
    for (const name of gone) delete parsedStatements?.[name];
    return gone.map((name) => `DEALLOCATE ${name}`);
  }

  #isWorthIt(text: string): boolean {
    const uses = (this.#uses.get(text) ?? 0) + 1;
    if (uses < POSTGRES.preparedFrom) {
      if (this.#uses.size >= POSTGRES.preparedCounted) this.#uses.delete(this.#uses.keys().next().value!);
      this.#uses.set(text, uses);
      return false;
    }
    return true;
  }
}

/**
 * The server does not know the name (a pooler between us gave the connection to somebody else), knows it for something
 * else, or its tables have changed under a statement. The connection is of no use any more; the statement is, without a
 * name.
 */
export function isPreparedFault(error: unknown): boolean {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  // Of functions that give records of a table's type, a plan is not made anew when that changes.
  const isOldPlan = code === '42804' && /^attribute \d+ of type .* has wrong type$/.test(message);
  return code === '26000' || code === '42P05' || (code === '0A000' && message.includes('cached plan')) || isOldPlan;
}
