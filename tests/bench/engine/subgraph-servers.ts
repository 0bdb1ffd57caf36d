/**
 * The subgraphs over HTTP, in a process of their own. Equal requests are answered from memory: the machine's time is
 * for the gateways, and no subgraph's speed decides between them. Tells the port of each.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { execute, parse } from 'graphql';
import { subgraphSchemas } from './data.ts';

const ports: Record<string, number> = {};
let asked = 0;
for (const [name, schema] of subgraphSchemas()) {
  const answers = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    void answer(request).then((body) =>
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body),
    );
  });
  const answer = async (request: IncomingMessage): Promise<Buffer> => {
    asked += 1;
    const text = Buffer.concat((await request.toArray()) as Buffer[]).toString();
    let body = answers.get(text);
    if (body === undefined) {
      const { query, variables, operationName } = JSON.parse(text) as {
        query: string;
        variables?: Record<string, unknown>;
        operationName?: string;
      };
      body = Buffer.from(
        JSON.stringify(await execute({ schema, document: parse(query), variableValues: variables, operationName })),
      );
      if (answers.size < 10_000) answers.set(text, body);
    }
    return body;
  };
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ports[name] = (server.address() as AddressInfo).port;
}
/** How many requests there were so far. */
process.on('message', () => process.send!({ asked }));
process.once('disconnect', () => process.exit());
process.send!({ ports });
