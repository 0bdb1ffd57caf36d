/** Agents' clients: the reference client of MCP, and AG-UI's. */
import { expect, test, vi } from 'vitest';
import { DELTAS, type Library } from './library.ts';
import { agUiAgent, askAgent } from './setup/ag-ui.ts';
import { execute, mcpClient } from './setup/mcp.ts';

export const agents = (library: () => Library): void => {
  test('MCP: the tools are listed, queries answered, and what is refused says why', async () => {
    const client = await mcpClient(new URL(library().url).origin);
    try {
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('execute');
      const [document] = library().documents;
      const query = 'query ($id: ID!) { node(id: $id) { id ... on Document { title } } }';
      expect((await execute(client, query, { id: document!.id })).data).toEqual({ node: document });
      await expect(execute(client, '{ documentz { nodes { id } } }')).rejects.toThrow('documents');
    } finally {
      await client.close();
    }
  });

  test('AG-UI: a question is answered piece by piece', async () => {
    const { ask, url } = library();
    const { createAgent } = await ask('mutation { createAgent(input: { name: "teller", instructions: "Tell.", model: "none" }) { agent { id } } }'); // prettier-ignore
    const agentId = createAgent.agent.id as string;
    const pieces: string[] = [];
    const answered = askAgent(agUiAgent(new URL(url).origin, agentId), 'A story?', (piece) => pieces.push(piece));
    // What somebody who works for the agent does.
    const claimed = await vi.waitFor(
      async () => {
        const { claimRun } = await ask('mutation ($agentId: ID!) { claimRun(input: { agentId: $agentId }) { run { id input } lease { token } } }', { agentId }); // prettier-ignore
        expect(claimRun.run).not.toBeNull();
        return claimRun as { run: { id: string; input: unknown }; lease: { token: string } };
      },
      { timeout: 20_000 },
    );
    expect(claimed.run.input).toMatchObject({ messages: [{ role: 'user', content: 'A story?' }] });
    const message = { messageId: 'm' };
    const lease = { runId: claimed.run.id, token: claimed.lease.token };
    await ask(
      `mutation ($said: AppendRunEventsInput!, $end: FinishRunInput!) {
        appendRunEvents(input: $said) { run { id } }
        finishRun(input: $end) { run { id } }
      }`,
      {
        said: {
          ...lease,
          events: [
            { type: 'TEXT_MESSAGE_START', payload: { ...message, role: 'assistant' } },
            ...DELTAS.map((delta) => ({ type: 'TEXT_MESSAGE_CONTENT', payload: { ...message, delta } })),
            { type: 'TEXT_MESSAGE_END', payload: message },
          ],
        },
        end: lease,
      },
    );
    expect(await answered).toBe(DELTAS.join(''));
    expect(pieces).toEqual(DELTAS);
  });
};
