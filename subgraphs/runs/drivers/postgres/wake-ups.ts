/** Wake-ups by LISTEN/NOTIFY. */
import { Listening, type ListeningOptions } from '#subgraphs/shared/postgres/listening.ts';
import type { Postgres, Statement } from '#subgraphs/shared/postgres/postgres.ts';
import { formatWake, parseWake, type Wake, type WakeListener, type WakeUps } from '../../streams/wake-ups.ts';

export const CHANNEL = 'tributary_runs';

export class PostgresWakeUps implements WakeUps {
  readonly #listening: Listening;

  constructor(postgres: Pick<Postgres, 'listen'>, options: Omit<ListeningOptions, 'channel' | 'who'> = {}) {
    this.#listening = new Listening(postgres, { ...options, channel: CHANNEL, who: 'The runs subgraph' });
  }

  statement(wake: Wake): Statement {
    return { sql: 'SELECT pg_notify($1, $2)', parameters: [CHANNEL, formatWake(wake)] };
  }

  start(listener: WakeListener): void {
    this.#listening.start({
      onMessage: (text) => {
        const wake = parseWake(text);
        if (wake) listener.onWake(wake);
      },
      onGap: () => listener.onGap(),
      needed: () => listener.needed(),
    });
  }

  ready(): Promise<void> {
    return this.#listening.ready();
  }

  close(): Promise<void> {
    return this.#listening.close();
  }
}
