/** Stands in where no PostgreSQL is configured: the schema stays the same, each call says what to set. */
import { storeDisabled } from '#subgraphs/shared/errors.ts';
import type { RunsDriver } from '../driver.ts';

export function disabledDriver(): RunsDriver {
  const refuse = async (): Promise<never> => {
    throw storeDisabled('The store of runs', 'DATABASE_URL');
  };
  return {
    start: refuse,
    append: refuse,
    claim: refuse,
    heartbeat: refuse,
    takeQuestion: refuse,
    runsById: refuse,
    runs: refuse,
    runsOfAgents: refuse,
    countRunsOfAgents: refuse,
    countRuns: refuse,
    aggregateRuns: refuse,
    aggregateEvents: refuse,
    events: refuse,
    log: { heads: refuse, read: refuse, horizon: refuse, readTenant: refuse, expired: refuse },
    health: () => Promise.resolve({ store: 'postgres', state: 'disabled', detail: 'Set DATABASE_URL to keep runs.' }),
  };
}
