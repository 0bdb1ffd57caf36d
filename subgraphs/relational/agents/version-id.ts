import { derivedId } from '#subgraphs/shared/ids.ts';

/** The id of an agent's version: derived, so that the current one is found by id without a look-up of its own. */
export const agentVersionId = (agentId: string, number: number): string =>
  derivedId('AgentVersion', agentId, String(number));
