/** That ops/compose is what the runner takes it for. Docker itself is not needed: what it is told is looked at. */
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { COMPOSE_FILE, COMPOSE_JOINT_SUITES, composeStores, type Docker } from './compose.ts';
import { parseOptions } from './options.ts';
import { NEO4J, PGVECTOR, TOXIPROXY } from './provision/versions.ts';
import { STORES } from './stores.ts';

interface Service {
  image: string;
  environment?: Record<string, string>;
  ports?: string[];
  network_mode?: string;
  command?: string[];
  healthcheck?: { test: string[] };
  volumes?: unknown;
}
const { services } = parse(await readFile(COMPOSE_FILE, 'utf8')) as { services: Record<string, Service> };
const workplace = { cache: '', data: '', say: () => undefined, close: async () => undefined };

describe('ops/docker/stores.yaml', () => {
  test.each(Object.entries(services))(
    '%s is pinned, reached from this machine alone, and leaves nothing behind',
    (_, service) => {
      expect(service.image).toMatch(/:v?[A-Z0-9][\w.-]*\d/);
      expect(service.image).not.toContain('latest');
      for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1::\d+$/);
      if (service.ports === undefined)
        expect([service.network_mode, service.command?.[0]]).toEqual(['host', '-host=127.0.0.1']);
      else expect(service.healthcheck?.test[0]).toMatch(/^CMD/);
      expect(service.volumes).toBeUndefined();
      for (const [name, value] of Object.entries(service.environment ?? {}))
        if (/PASSWORD|AUTH|KEY/.test(name)) expect(value).toContain('${STORES_PASSWORD:?');
    },
  );

  test('runs the versions that come from package registries', () => {
    expect(services['postgres']!.image).toContain(`:${PGVECTOR.version}-pg18`);
    expect(services['neo4j']!.image).toContain(`:${NEO4J.version}-community`);
    expect(services['toxiproxy']!.image).toContain(`:${TOXIPROXY.version.slice(1)}`);
  });

  test('has a service for each store that the runner starts, and Qdrant besides', () => {
    const names = composeStores(async () => []).map(({ name }) => name);
    expect(names.sort()).toEqual(Object.keys(services).sort());
    expect(names).toEqual(
      expect.arrayContaining([...STORES.filter(({ slow }) => slow !== true).map(({ name }) => name), 'qdrant']),
    );
    for (const { needs } of COMPOSE_JOINT_SUITES) expect(names).toEqual(expect.arrayContaining([...needs]));
    expect(
      parseOptions(
        ['--compose', '--only', 'qdrant'],
        composeStores(async () => []),
      ).stores.map(({ name }) => name),
    ).toEqual(['qdrant']);
  });
});

test('a store is started as a service, found where Docker says, and the last one takes the project with it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const secrets = new Set<string>();
  const docker: Docker = async (args, env) => {
    told.push(args.slice(5).join(' '));
    secrets.add(env['STORES_PASSWORD']!);
    expect(args.slice(0, 5)).toEqual([
      'compose',
      '--project-name',
      expect.stringMatching(/^tributary-stores-/),
      '--file',
      COMPOSE_FILE,
    ]);
    return args.includes('port') ? ['a warning', `127.0.0.1:${port}`] : [];
  };
  const stores = composeStores(docker);
  const start = async (name: string) => await stores.find((store) => store.name === name)!.start(workplace);
  const [qdrant, redis] = [await start('qdrant'), await start('redis')];
  expect([...secrets]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
  const [password] = secrets;
  expect(qdrant.env).toEqual({ TEST_QDRANT_URL: `http://127.0.0.1:${port}`, TEST_QDRANT_API_KEY: password });
  expect(redis.env).toEqual({ TEST_REDIS_URL: `redis://:${password}@127.0.0.1:${port}` });
  await redis.close();
  await qdrant.close();
  expect(told).toEqual([
    'up --detach --wait --quiet-pull qdrant',
    'port qdrant 6333',
    'up --detach --wait --quiet-pull redis',
    'port redis 6379',
    'rm --stop --force --volumes redis',
    'down --volumes --timeout 1',
  ]);
  server.close();
});

test('a Docker that does not say where a service is, is told of', async () => {
  await expect(
    composeStores(async () => ['no port'])
      .find(({ name }) => name === 'redis')!
      .start(workplace),
  ).rejects.toThrow(/said no address/);
});
