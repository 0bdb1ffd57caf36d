/** What ops/compose/compose.yaml promises of every service. Docker is not needed: the file is read; COMPOSE names Compose's program where there is one. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { variableTable } from '#gateway/config/variables.ts';

interface Service {
  image: string;
  profiles?: string[];
  command?: string[];
  environment?: Record<string, string | null>;
  healthcheck?: { test: string[] };
  networks?: string[];
  network_mode?: string;
  ports?: string[];
  volumes?: string[];
  restart?: string;
}

const FOLDER = fileURLToPath(new URL('../../ops/compose/', import.meta.url));
const file = parse(readFileSync(`${FOLDER}compose.yaml`, 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
};
const services = Object.entries(file.services);
const STORES = ['postgres', 'neo4j', 'qdrant', 'minio', 'redis'];
const example = readFileSync(`${FOLDER}.env.example`, 'utf8');

test.each(services)('%s has an exact image, and a health check unless it ends by itself', (_, service) => {
  const tag = /:(?:\$\{[^:]*:-)?[^:]*?:?([^:}]+)\}?$/.exec(service.image)?.[1];
  expect(tag).toMatch(/\d+\.\d+|RELEASE\.\d{4}-\d\d-\d\d/);
  if (service.restart === undefined) expect(service.network_mode).toBe('none');
  else expect(service.healthcheck?.test.length).toBeGreaterThan(1);
});

test('stores are where nobody but the gateway is, and none is published', () => {
  expect(file.networks['database']).toEqual({ internal: true });
  expect(file.networks['backend']).toEqual({ internal: true });
  for (const name of STORES) {
    expect({ name, networks: file.services[name]!.networks }).toEqual({ name, networks: ['database'] });
    expect(file.services[name]!.ports).toBeUndefined();
  }
  const on = (network: string) =>
    services.filter(([, { networks }]) => networks?.includes(network)).map(([name]) => name);
  expect(on('database').sort()).toEqual([...STORES, 'tributary'].sort());
  // The gateway has to be on both, and who sends alerts or is looked at; nobody else is.
  expect(on('frontend').filter((name) => on('backend').includes(name))).toEqual([
    'tributary',
    'alertmanager',
    'grafana',
  ]);
  expect(services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual([
    'tributary',
    'grafana',
    'caddy',
  ]);
  for (const name of ['tributary', 'grafana']) expect(file.services[name]!.ports![0]).toMatch(/^127\.0\.0\.1:/);
});

test('has the profiles, and its data beside it', () => {
  expect([...new Set(services.flatMap(([, { profiles = [] }]) => profiles))].sort()).toEqual([
    'auth',
    'edge',
    'graph',
    'inference',
    'object',
    'observability',
    'queue',
    'vector',
  ]);
  const written = services.flatMap(([, { volumes = [] }]) => volumes).filter((volume) => !volume.endsWith(':ro'));
  expect(written.filter((volume) => !volume.startsWith('./.local-data/'))).toEqual([
    'keycloak:/opt/keycloak/data',
    'prometheus:/prometheus',
    'grafana:/var/lib/grafana',
  ]);
});

test('sets what the gateway reads, and the example names it', () => {
  const known = new Set<string>(variableTable().map(({ name }) => name));
  const names = Object.keys(file.services['tributary']!.environment!);
  expect(names.filter((name) => !known.has(name))).toEqual([]);
  const interpolated = [...readFileSync(`${FOLDER}compose.yaml`, 'utf8').matchAll(/[^$]\$\{(\w+):?[^}]*\}/g)].map(
    ([, name]) => name!,
  );
  const optional = ['TRIBUTARY_IMAGE', 'TRIBUTARY_PORT', 'GRAFANA_PORT'];
  expect(interpolated.filter((name) => !optional.includes(name) && !example.includes(`${name}=`))).toEqual([]);
  // No password is given away.
  expect(example).not.toMatch(/^#?\w*(PASSWORD|SECRET_KEY|API_KEY)=.+/m);
});

test.runIf(process.env['COMPOSE'])('Compose itself takes it, with every profile', () => {
  const { COMPOSE, PATH } = process.env;
  const output = execFileSync(
    COMPOSE!,
    ['-f', `${FOLDER}compose.yaml`, '--profile', '*', 'config', '--format', 'json'],
    {
      env: { PATH, POSTGRES_PASSWORD: 'x' },
      encoding: 'utf8',
    },
  );
  const read = JSON.parse(output) as { services: Record<string, unknown> };
  expect(Object.keys(read.services).sort()).toEqual(services.map(([name]) => name).sort());
});
