/**
 * Numbers that a double would change, over every way in, to and from a subgraph elsewhere and in this process: what is
 * compared is the text on the wire.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { execute, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { numberOf, parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { replaceFile, startTestServer, supergraphYaml, type TestServer } from './fixture.ts';
import { ACCEPT } from './multipart-parts.ts';
import { http, openSocket, WAYS_IN } from './ways-in.ts';
import { answering, bodyOf } from '#tests/setup/answering.ts';

const BIG = '9007199254740993';
const LONG = '0.1234567890123456789012';

const SDL = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  scalar Decimal
  type Query { decimal(value: Decimal): Decimal accounts: [Account!] }
  type Subscription { amounts(from: Decimal): Decimal }
  type Account @key(fields: "number") { number: ID! owner: String balance: Decimal }`;

/** A subgraph elsewhere that keeps numbers, and what it was sent. */
class Bank {
  readonly received: string[] = [];
  url = '';
  close = async (): Promise<void> => undefined;

  async start(): Promise<void> {
    const schema = buildSubgraphSchema({
      typeDefs: parse(SDL),
      resolvers: {
        Query: {
          decimal: (_: unknown, { value }: { value: unknown }) => value,
          accounts: () => [{ number: BIG, balance: numberOf('1.10') }],
        },
      } as never,
    });
    const server = createServer(
      answering(async (request, response) => {
        const body = await bodyOf(request);
        this.received.push(body);
        const { query, variables } = parseExactJson(body) as { query: string; variables: Record<string, unknown> };
        const result = await execute({ schema, document: parse(query), variableValues: variables });
        // As subgraphs that have 64-bit ids may write them.
        response.end(writeJson(result).replaceAll(`"number":"${BIG}"`, `"number":${BIG}`));
      }),
    );
    const sockets = new WebSocketServer({ server, handleProtocols: () => 'graphql-transport-ws' });
    sockets.on('connection', (socket) => this.#serve(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
    this.close = async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
  }

  #serve(socket: WebSocket): void {
    socket.on('message', (data: Buffer) => {
      const text = String(data);
      const { type, id } = JSON.parse(text) as { type: string; id: string };
      if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (type !== 'subscribe') return;
      this.received.push(text);
      for (const number of [BIG, LONG, '1.10', '7'])
        socket.send(`{"id":"${id}","type":"next","payload":{"data":{"amounts":${number}}}}`);
      socket.send(`{"id":"${id}","type":"complete"}`);
    });
  }
}

let server: TestServer;
let bank: Bank;
beforeAll(async () => {
  bank = new Bank();
  await bank.start();
  server = await startTestServer();
  await writeFile(join(server.folder, 'bank.graphql'), SDL);
  await replaceFile(
    join(server.folder, 'supergraph.yaml'),
    supergraphYaml(`  bank:\n    routing_url: ${bank.url}\n    schema: { file: bank.graphql }\n`),
  );
  await server.server.supergraph.reload();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await bank.close();
});

describe.each(Object.entries(WAYS_IN))('over %s', (_, send) => {
  test('literals, variables, answers and keys keep their text', async () => {
    bank.received.length = 0;
    const { text } = await send(server.url, {
      query: `query ($value: Decimal) {
        variable: decimal(value: $value)
        literal: decimal(value: { a: [${LONG}, 1.10] })
        accounts { number balance }
      }`,
      variables: { value: numberOf(BIG) },
    });
    expect(bank.received.join('\n')).toContain(`"value":${BIG}`);
    expect(bank.received.join('\n')).toContain(`{"a":[${LONG},1.10]}`);
    // What a tool answers is JSON within JSON.
    const answer = text.replaceAll('\\"', '"');
    expect(answer).toContain(`"variable":${BIG}`);
    expect(answer).toContain(`"literal":{"a":[${LONG},1.10]}`);
    expect(answer).toContain(`"accounts":[{"number":"${BIG}","balance":1.10}]`);
  });
});

describe('events', () => {
  const query = `subscription { amounts(from: ${BIG}) }`;
  const expected = [BIG, LONG, '1.10', '7'].map((number) => `"amounts":${number}}`);
  const told = (text: string): void => {
    expect(bank.received.at(-1)).toContain(`:${BIG}`);
    let from = 0;
    for (const each of expected) {
      expect(text.indexOf(each, from), `${each} in ${text}`).toBeGreaterThan(-1);
      from = text.indexOf(each, from);
    }
  };

  test.each([
    ['server-sent events', 'text/event-stream'],
    ['server-sent events beside others', 'text/event-stream, application/json'],
    ['multipart', ACCEPT],
  ])('over %s', async (_, accept) => {
    const headers = { 'content-type': 'application/json', accept };
    told((await http(server.url, '/graphql', 'POST', headers, JSON.stringify({ query }))).text);
  });

  test('over WebSocket', async () => {
    await using socket = await openSocket(server.url);
    told((await socket.ask({ query })).text);
  });
});

test("a number that is a message's id is no string of ours", async () => {
  await using socket = await openSocket(server.url);
  const closed = once(socket.socket, 'close');
  socket.socket.send(`{"id":${BIG},"type":"subscribe","payload":{"query":"{ __typename }"}}`);
  const [code] = (await closed) as [number];
  expect(code).toBe(4400);
});

test('a hundred thousand digits are a number', async () => {
  const digits = '9'.repeat(100_000);
  const { text } = await WAYS_IN['POST']!(server.url, {
    query: 'query ($value: Decimal) { decimal(value: $value) }',
    variables: { value: numberOf(digits) },
  });
  expect(text === `{"data":{"decimal":${digits}}}`, text.slice(0, 200)).toBe(true);
});
