/** What an operator may allow the tools of agents to do (`AGENT_CAPABILITIES`). */
export const CAPABILITIES = ['read', 'write', 'write:memory', 'run:start'] as const;
export type Capability = (typeof CAPABILITIES)[number];
