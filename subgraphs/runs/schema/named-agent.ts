/** The agent that a caller names, by its id or by what people call it. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError, storeDisabled } from '#subgraphs/shared/errors.ts';
import { unknownName } from '#subgraphs/shared/hints.ts';
import type { AgentLookup } from '#subgraphs/shared/ports.ts';
import { checkAgentId, checkLongText } from '../input.ts';

export interface GivenAgent {
  readonly agentId?: string | null | undefined;
  readonly agentName?: string | null | undefined;
}

/**
 * The id of the agent; null where none is given.
 * @throws CodedError `BAD_USER_INPUT` for both ways at once, and for a name of several; `NOT_FOUND` for one of nobody
 */
export async function agentOf(
  context: RequestContext,
  { agentId, agentName }: GivenAgent,
  agents: AgentLookup | undefined,
): Promise<string | null> {
  const name = checkLongText('agentName', agentName);
  if (name === null) return checkAgentId(agentId);
  if (agentId !== null && agentId !== undefined)
    throw badUserInput('`agentId` and `agentName` both say which agent is to run; leave one of them out.');
  if (agents === undefined) throw storeDisabled('Finding agents by name', 'SUBGRAPH_RELATIONAL_URL');
  const { ids, known } = await agents.named(context, name);
  const [id, ...others] = ids;
  if (id === undefined) {
    const { message, suggestions } = unknownName('agent', name, known);
    throw new CodedError('NOT_FOUND', message, {
      hint: 'Query `agents` for those that there are.',
      extensions: { suggestions },
    });
  }
  if (others.length > 0)
    throw badUserInput(`Several agents are named ${JSON.stringify(name.slice(0, 80))}.`, {
      hint: `Give the \`agentId\` of the one that is meant, such as ${ids.join(', ')}.`,
      extensions: { agentIds: ids },
    });
  return id;
}
