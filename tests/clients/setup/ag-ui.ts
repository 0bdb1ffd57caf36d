import { HttpAgent } from '@ag-ui/client';

/** @param origin where the server is, such as `http://127.0.0.1:4000`; @param agentId of an agent that somebody works for, as `agents` tells it */
export const agUiAgent = (origin: string, agentId: string, token?: string): HttpAgent =>
  new HttpAgent({
    url: new URL(`/agents/${agentId}/run`, origin).href,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

/** Asks, and gives what is said piece by piece to `onText`; ends with the answer. */
export async function askAgent(agent: HttpAgent, question: string, onText: (piece: string) => void): Promise<string> {
  agent.addMessage({ id: crypto.randomUUID(), role: 'user', content: question });
  const { newMessages } = await agent.runAgent({}, { onTextMessageContentEvent: ({ event }) => onText(event.delta) });
  return newMessages.map(({ content }) => (typeof content === 'string' ? content : '')).join('');
}
