/** Changes of the outbox by LISTEN/NOTIFY: a trigger of its table tells them. */
import { Listening } from '#subgraphs/shared/postgres/listening.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { parseChange, type OutboxChanges } from '../../indexing/changes.ts';

export function postgresChanges(
  postgres: Pick<Postgres, 'listen'>,
  log?: (message: string, error?: unknown) => void,
): OutboxChanges {
  const listening = new Listening(postgres, { channel: 'tributary_outbox', who: 'The relational subgraph', log });
  return {
    start: ({ onChange, onGap, needed }) =>
      listening.start({
        onMessage: (text) => {
          const change = parseChange(text);
          if (change) onChange(change);
        },
        onGap,
        needed,
      }),
    ready: () => listening.ready(),
    close: () => listening.close(),
  };
}
