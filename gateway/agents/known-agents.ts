/**
 * Runs and agents are of two subgraphs: a run of an agent that is not there is taken, for its store may be away. Whoever starts one for
 * an agent of the caller asks first, or nobody would ever work on it, and nobody be told.
 */
import { CodedError } from '#subgraphs/shared/errors.ts';

/** Its only root field is null where there is no such agent. */
export const AGENT = 'query KnownAgent($id: ID!) { found: agent(id: $id) { id } }';

export const noSuchAgent = (): CodedError =>
  new CodedError('NOT_FOUND', 'There is no such agent.', { hint: 'Find agents with `agents`.' });
