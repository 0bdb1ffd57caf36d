/** The tools of agents that only read, in the order in which they are listed. */
export const READING = [
  'search_schema',
  'describe',
  'validate',
  'execute',
  'search',
  'recall',
  'search_messages',
  'session_context',
  'run_events',
];
