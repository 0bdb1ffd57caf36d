import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

/** @param origin where the server is, such as `http://127.0.0.1:4000` */
export async function mcpClient(origin: string, token?: string): Promise<Client> {
  const client = new Client({ name: 'my-agent', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', origin), { requestInit: { headers } }));
  return client;
}

/** What a query answers. One that is refused is an error here, whose text says what to write instead. */
export async function execute(client: Client, query: string, variables: Record<string, unknown> = {}) {
  const result = await client.callTool({ name: 'execute', arguments: { query, variables } });
  const [content] = result.content;
  const text = content?.type === 'text' ? content.text : '';
  if (result.isError === true) throw new Error(text);
  return JSON.parse(text) as { data: Record<string, unknown> };
}
