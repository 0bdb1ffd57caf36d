import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile, rm, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { createYoga } from 'graphql-yoga';
import { parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { describe, expect, test } from 'vitest';
import { compose } from '#gateway/supergraph/compose.ts';
import { describe as describeFinding } from '#gateway/supergraph/findings.ts';
import { loadSchema } from '#gateway/supergraph/schema-source.ts';
import { readSupergraphFile } from '#gateway/supergraph/supergraph-file.ts';
import { LIBRARY_SDL, replaceFile, startTestServer, supergraphYaml } from './fixture.ts';

describe('supergraph.yaml', () => {
  const read = async (text: string) => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-yaml-'));
    try {
      await writeFile(join(folder, 'supergraph.yaml'), text);
      return await readSupergraphFile(join(folder, 'supergraph.yaml'), { library: 'http://elsewhere/graphql' });
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  test('overrides replace routing URLs', async () => {
    const { subgraphs } = await read(supergraphYaml());
    expect(subgraphs.map(({ routingUrl }) => routingUrl)).toEqual(['http://elsewhere/graphql', 'local://reviews']);
  });

  test.each([
    ['subgraphs: [', /yaml:\d+: /],
    ['federation_version: =1.0\nsubgraphs: {}', /yaml:1: federation_version/],
    [
      supergraphYaml('  third:\n    routing_url: ftp://x\n    schema: { file: x.graphql }\n'),
      /yaml:10: subgraphs\.third\.routing_url/,
    ],
    [
      supergraphYaml('  third:\n    routing_url: http://x\n    schema: {}\n'),
      /yaml:11: subgraphs\.third\.schema .*subgraph_url/,
    ],
  ])('faults are named with their line: %j', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});

describe('composition', () => {
  test('errors and hints name file and line', () => {
    const link =
      'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])\n';
    const conflict = compose([
      { name: 'a', url: 'http://a', origin: 'a.graphql', sdl: `${link}type Query { x: Int @shareable }` },
      { name: 'b', url: 'http://b', origin: 'b.graphql', sdl: `${link}\ntype Query {\n  x: String @shareable\n}` },
    ]);
    expect(conflict.supergraphSdl).toBeUndefined();
    expect(conflict.errors.map(describeFinding).join()).toMatch(
      /a\.graphql:2:\d+.*b\.graphql:4:\d+.*FIELD_TYPE_MISMATCH/,
    );
    const hinted = compose([
      { name: 'a', url: 'http://a', origin: 'a.graphql', sdl: `${link}type Query { "One." x: Int @shareable }` },
      { name: 'b', url: 'http://b', origin: 'b.graphql', sdl: `${link}type Query {\n  "Two." x: Int @shareable }` },
    ]);
    expect(hinted.errors).toEqual([]);
    expect(hinted.hints.map(describeFinding).join()).toMatch(/INCONSISTENT_DESCRIPTION/);
    const required = compose([
      {
        name: 'a',
        url: 'http://a',
        origin: 'a.graphql',
        sdl: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@external", { name: "@requires", as: "@needs" }])
          schema { query: Start }
          type Start { x: Int @external\n  y: Int @needs(fields: "x")\n  z: Int @federation__requires(fields: "x") }`,
      },
      { name: 'b', url: 'http://b', origin: 'b.graphql', sdl: `${link}type Query { x: Int }` },
    ]);
    expect(required.supergraphSdl).toBeUndefined();
    expect(required.errors.map(describeFinding).join('\n')).toMatch(
      /a\.graphql:4:3: REQUIRES_ON_ROOT_FIELD: The field Start\.y has @requires.*Give it an argument(.|\n)*a\.graphql:5:3: REQUIRES_ON_ROOT_FIELD/,
    );
    const partly = compose([
      {
        name: 'a',
        url: 'http://a',
        origin: 'a.graphql',
        sdl: `${link}type Query { a(by: By): Int }\ninput By @oneOf { x: Int }`,
      },
      {
        name: 'b',
        url: 'http://b',
        origin: 'b.graphql',
        sdl: `${link}type Query { b(by: By): Int }\ninput By { x: Int }`,
      },
    ]);
    expect(partly.errors).toEqual([]);
    expect(partly.supergraphSdl).toMatch(/input By[^{]*@oneOf/);
    expect(partly.hints.map(describeFinding).join()).toMatch(/b\.graphql:3:1: INCONSISTENT_ONE_OF/);
    const broken = compose([{ name: 'a', url: 'http://a', origin: 'a.graphql', sdl: 'type Query {\n  x: }' }]);
    expect(broken.errors[0]!.places).toEqual(['a.graphql:2:6']);
  });
});

describe('a schema that is fetched', () => {
  test('is read no further than its bound, whatever its length is said to be', async () => {
    let closed = (): void => undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    // Without an end and without a length.
    const server = createServer((_, response) => {
      response.on('close', closed);
      response.writeHead(200, { 'content-type': 'application/json' });
      const pour = (): void => {
        while (!response.destroyed && response.write('{"data": "'.padEnd(10_000, 'x')));
      };
      response.on('drain', pour);
      pour();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const entry = { name: 'endless', routingUrl: url, schema: { url } };
    await expect(loadSchema(entry, { schemaBytes: 100_000 })).rejects.toThrow(
      /the schema of endless cannot be fetched: the answer is longer than 100000 bytes/,
    );
    await gone;
    server.close();
  });
});

describe('reload', () => {
  const EXTENDED = LIBRARY_SDL.replace(
    'type Book @key',
    '"Not resolvable yet." type Shelf { name: String }\n  type Book @key',
  ).replace('fail: String', 'fail: String shelf: Shelf');

  test('a changed schema serves new operations, and a running subscription and request do not notice', async () => {
    await using it = await startTestServer();
    const client = createClient({
      url: `${it.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
    });
    const events: unknown[] = [];
    let arrived = (): void => undefined;
    client.subscribe(
      { query: 'subscription { bookAdded { title stars } }' },
      {
        next: (event) => (events.push(event), arrived()),
        error: (error) => events.push(error),
        complete: () => events.push('complete'),
      },
    );
    const slow = it.post({ query: '{ never }' });
    await it.library.until(() => it.library.listeners.size === 1 && it.library.waiting.length === 1);
    expect((await it.post({ query: '{ shelf { name } }' })).json.errors?.[0]?.extensions['code']).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    );

    const before = it.server.supergraph.current.hash;
    await replaceFile(join(it.folder, 'library.graphql'), EXTENDED);
    await it.server.supergraph.reload();
    expect(it.server.supergraph.current.hash).not.toBe(before);
    const answer = await it.post({ query: '{ __type(name: "Shelf") { name } books { stars } }' });
    expect(answer.json).toEqual({ data: { __type: { name: 'Shelf' }, books: [{ stars: 5 }] } });

    const event = new Promise<void>((resolve) => (arrived = resolve));
    it.library.add('After the reload');
    await event;
    expect(events).toEqual([{ data: { bookAdded: { title: 'After the reload', stars: 5 } } }]);
    for (const { signal } of it.library.waiting) expect(signal!.aborted).toBe(false);
    await client.dispose();
    await it.library.until(() => it.library.listeners.size === 0);
    slow.catch(() => undefined); // Ends with the server.
  });

  test('a composition that fails is reported, and what served before goes on; mending it serves', async () => {
    await using it = await startTestServer();
    const ready = async () =>
      (await (await fetch(`${it.url}/health/ready`)).json()) as {
        status: string;
        degraded: boolean;
        supergraph: { failure?: string };
      };
    await replaceFile(join(it.folder, 'reviews.graphql'), 'type Query { book(id: ID!): Int }');
    await it.server.supergraph.reload();
    expect((await it.post({ query: '{ books { title stars } }' })).json.data.books).toEqual([
      { title: 'The Left Hand of Darkness', stars: 5 },
    ]);
    expect(await ready()).toMatchObject({
      status: 'ready',
      degraded: true,
      supergraph: { failure: expect.stringContaining('do not compose') as unknown },
    });
    expect(it.log.filter((line) => line.includes('do not compose'))).toHaveLength(1);
    await it.server.supergraph.reload();
    expect(it.log.filter((line) => line.includes('do not compose'))).toHaveLength(1);

    await replaceFile(join(it.folder, 'supergraph.yaml'), 'subgraphs: [');
    await it.server.supergraph.reload();
    expect((await ready()).supergraph.failure).toMatch(/supergraph\.yaml:\d+/);

    await replaceFile(join(it.folder, 'supergraph.yaml'), supergraphYaml());
    await replaceFile(join(it.folder, 'reviews.graphql'), 'type Query { reviewCount: Int }');
    await it.server.supergraph.reload();
    expect((await ready()).supergraph.failure).toBeUndefined();
    expect((await it.post({ query: '{ books { stars } }' })).json.errors?.[0]?.extensions['code']).toBe(
      'GRAPHQL_VALIDATION_FAILED',
    );
    expect((await it.post({ query: '{ books { title } reviewCount }' })).json.data).toMatchObject({ reviewCount: 3 });
  });

  test('the change of a file is noticed without being told', async () => {
    await using it = await startTestServer({}, { pollMs: 200 });
    await replaceFile(join(it.folder, 'library.graphql'), EXTENDED);
    await expect
      .poll(async () => (await it.post({ query: '{ __type(name: "Shelf") { name } }' })).json.data, { timeout: 15_000 })
      .toEqual({ __type: { name: 'Shelf' } });
  });

  test('three lines join a foreign subgraph, which never sees an internal token', async () => {
    const seen: (string | undefined)[] = [];
    const schema = buildSubgraphSchema({
      typeDefs: parse(
        'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"]) type Query { planets: [String!] } type Book @key(fields: "id") { id: ID! pages: Int }',
      ),
      resolvers: {
        Query: { planets: () => ['Gethen'] },
        Book: { __resolveReference: ({ id }: { id: string }) => ({ id, pages: 300 }) },
      } as never,
    });
    const yoga = createYoga({ schema, logging: false });
    const foreign = createServer((request, response) => {
      seen.push(request.headers.authorization);
      void yoga(request, response);
    });
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(foreign.address() as { port: number }).port}/graphql`;
    try {
      await using it = await startTestServer();
      await replaceFile(
        join(it.folder, 'supergraph.yaml'),
        supergraphYaml(`  planets:\n    routing_url: ${url}\n    schema: { subgraph_url: ${url} }\n`),
      );
      await it.server.supergraph.reload();
      expect(it.server.supergraph.failure).toBeUndefined();
      expect((await it.post({ query: '{ planets books { title pages } }' })).json).toEqual({
        data: { planets: ['Gethen'], books: [{ title: 'The Left Hand of Darkness', pages: 300 }] },
      });
      expect(seen.length).toBeGreaterThan(1);
      expect(new Set(seen)).toEqual(new Set([undefined]));
    } finally {
      foreign.closeAllConnections();
      await new Promise((resolve) => foreign.close(resolve));
    }
  });

  test('a second start composes nothing: the supergraph is kept in the data folder', async () => {
    await using it = await startTestServer();
    const kept = JSON.parse(await readFile(join(it.folder, 'data/cache/supergraph.json'), 'utf8')) as { hash: string };
    expect(kept.hash).toBe(it.server.supergraph.current.hash);
  });
});
