/** Starts, and goes on, while a subgraph that is asked for its schema is down. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { execute, parse } from 'graphql';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LIBRARY_SDL, replaceFile, REVIEWS_SDL, startTestServer, supergraphYaml, type TestServer } from './fixture.ts';
import { answering, bodyOf } from '#tests/setup/answering.ts';

let folder: string;
const closing: (() => Promise<unknown> | void)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-down-'));
  await writeFile(join(folder, 'library.graphql'), LIBRARY_SDL);
  await writeFile(join(folder, 'reviews.graphql'), REVIEWS_SDL);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

const PLANETS = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { planet: String }`;

/** A subgraph that tells its schema, on a port that it can come back to. */
class Planets {
  port = 0;
  asked = 0;
  sdl = PLANETS;
  #server: Server | undefined;

  async up(): Promise<void> {
    const server = createServer(
      answering(async (request, response) => {
        this.asked += 1;
        const { query } = JSON.parse(await bodyOf(request)) as { query: string };
        const schema = buildSubgraphSchema({
          typeDefs: parse(this.sdl),
          resolvers: { Query: { planet: () => 'Gethen' } },
        });
        response.end(JSON.stringify(await execute({ schema, document: parse(query) })));
      }),
    );
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    closing.push(() => this.down());
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/graphql`;
  }
}

async function start(planets: Planets, options = {}): Promise<TestServer> {
  const yaml = join(folder, 'supergraph.yaml');
  await replaceFile(
    yaml,
    supergraphYaml(`  planets:\n    routing_url: ${planets.url}\n    schema: { subgraph_url: ${planets.url} }\n`),
  );
  const it = await startTestServer(
    { SUPERGRAPH: yaml, DATA_DIR: join(folder, 'data'), SUBGRAPH_RETRIES: '0' },
    options,
  );
  closing.push(async () => await it[Symbol.asyncDispose]());
  return it;
}

/* eslint-disable @typescript-eslint/no-explicit-any -- whatever health says */
const health = async (it: TestServer): Promise<any> => await (await fetch(`${it.url}/health/ready`)).json();
const ASK = { query: '{ planet book(id: "1") { stars } }' };
const BOTH = { data: { planet: 'Gethen', book: { stars: 5 } } };

test('starts on the last good schema, says how old it is, and serves the subgraph as soon as it is back', async () => {
  const planets = new Planets();
  await planets.up();
  const first = await start(planets);
  expect((await first.post(ASK)).json).toEqual(BOTH);
  expect((await health(first)).supergraph.unavailable).toEqual([]);
  await first.server.close();
  await planets.down();

  const second = await start(planets, { pollMs: 50 });
  const { degraded, supergraph, status } = await health(second);
  expect({ degraded, status }).toEqual({ degraded: true, status: 'ready' });
  expect(supergraph.subgraphs).toEqual(['library', 'reviews', 'planets']);
  expect(supergraph.unavailable).toEqual([
    {
      subgraph: 'planets',
      reason: expect.stringContaining('cannot be fetched'),
      fetchedAt: expect.stringMatching(/^\d{4}-/),
      ageSeconds: expect.any(Number),
    },
  ]);
  // Its own fields are what it costs.
  expect((await second.post(ASK)).json).toMatchObject({
    data: { planet: null, book: { stars: 5 } },
    errors: [{ path: ['planet'], extensions: { code: 'SUBGRAPH_UNAVAILABLE' } }],
  });
  await planets.up();
  await vi.waitFor(async () => expect((await health(second)).supergraph.unavailable).toEqual([]), 15_000);
  expect((await second.post(ASK)).json).toEqual(BOTH);
  // However often it was asked, each is said once.
  expect(second.log.filter((line) => line.includes('the last good one serves'))).toHaveLength(1);
  expect(second.log.filter((line) => line.includes('can be had again'))).toHaveLength(1);
});

test('without one, serves what composes without it, and all once it is there', async () => {
  const planets = new Planets();
  await planets.up();
  await planets.down();
  const it = await start(planets, { pollMs: 50 });
  expect((await it.post({ query: '{ book(id: "1") { stars } }' })).json).toEqual({ data: { book: { stars: 5 } } });
  expect((await it.post({ query: '{ planet }' })).json.errors?.[0]?.extensions['code']).toBe(
    'GRAPHQL_VALIDATION_FAILED',
  );
  const { supergraph } = await health(it);
  expect(supergraph.subgraphs).toEqual(['library', 'reviews']);
  expect(supergraph.unavailable).toEqual([{ subgraph: 'planets', reason: expect.any(String) }]);
  expect(it.log.filter((line) => line.includes('left out'))).toHaveLength(1);
  await planets.up();
  await vi.waitFor(async () => expect((await it.post(ASK)).json).toEqual(BOTH), 15_000);
  expect((await health(it)).supergraph.unavailable).toEqual([]);
});

test('a subgraph that goes down while the server runs changes nothing, and one that changed is noticed', async () => {
  const planets = new Planets();
  await planets.up();
  const it = await start(planets);
  const { hash } = it.server.supergraph.current;
  await planets.down();
  await it.server.supergraph.reload();
  expect(it.server.supergraph.current.hash).toBe(hash);
  expect(it.server.supergraph.failure).toBeUndefined();
  expect(it.server.supergraph.unavailable).toMatchObject([{ subgraph: 'planets' }]);
  planets.sdl = PLANETS.replace('planet: String', 'planet: String moons: Int');
  await planets.up();
  await it.server.supergraph.reload();
  expect(it.server.supergraph.current.hash).not.toBe(hash);
  expect(it.server.supergraph.unavailable).toEqual([]);
});

test('a schema that no longer fits does not keep the server from starting on those that did', async () => {
  const planets = new Planets();
  await planets.up();
  await (await start(planets)).server.close();
  planets.sdl += ' type Book @key(fields: "id") { id: ID! stars: String }';
  const it = await start(planets);
  expect((await it.post(ASK)).json.data).toEqual(BOTH.data);
  expect(it.server.supergraph.failure).toContain('do not compose');
  expect((await health(it)).degraded).toBe(true);
});

test('what is kept of one address is not served for another', async () => {
  const planets = new Planets();
  await planets.up();
  await (await start(planets)).server.close();
  await planets.down();
  const elsewhere = new Planets();
  await elsewhere.up();
  await elsewhere.down();
  const it = await start(elsewhere);
  expect((await health(it)).supergraph.subgraphs).toEqual(['library', 'reviews']);
});
