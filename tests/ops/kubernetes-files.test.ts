/** What Kubernetes is told of the gateway is what the image and the configuration are. Neither Helm nor a cluster is needed: `npm run test:stacks` holds what is read here to the chart. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { HTTP } from '#gateway/bounds/http.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { variableTable } from '#gateway/config/variables.ts';
import { DATA, ENVIRONMENT, PORT, USER } from '#ops/image/settings.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const GOLDEN = join(ROOT, 'tests/stacks/kubernetes/golden');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface Container {
  name: string;
  image: string;
  env: { name: string; value?: string }[];
  ports: { name: string; containerPort: number }[];
  securityContext: unknown;
  volumeMounts: { name: string; mountPath: string }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
}
interface Probe {
  httpGet?: { path: string; port: string };
}
interface Resource {
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  spec: {
    replicas?: number;
    selector?: { matchLabels?: Record<string, string> } & Record<string, unknown>;
    template?: {
      metadata: { labels: Record<string, string> };
      spec: {
        automountServiceAccountToken: boolean;
        terminationGracePeriodSeconds: number;
        securityContext: Record<string, unknown>;
        containers: Container[];
        volumes: { name: string; projected?: { sources: { secret: { items: { path: string }[] } }[] } }[];
      };
    };
  };
}

const files = readdirSync(GOLDEN)
  .sort()
  .map((name) => ({
    name,
    resources: parseAllDocuments(readFileSync(join(GOLDEN, name), 'utf8'))
      .map((document) => document.toJS() as Resource | null)
      .filter((each) => each !== null),
  }));
const gatewayOf = (resources: readonly Resource[]) => {
  const deployment = resources.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.labels?.['app.kubernetes.io/component'] === 'gateway',
  )!;
  const pod = deployment.spec.template!.spec;
  return { deployment, pod, container: pod.containers[0]! };
};
const gateways = files.map(({ name, resources }) => [name, gatewayOf(resources)] as const);
const pods = files.flatMap(({ name, resources }) =>
  resources.flatMap(({ kind, spec }) =>
    spec?.template === undefined ? [] : [[`${name}: ${kind}`, spec.template.spec] as const],
  ),
);

const folder = mkdtempSync(join(tmpdir(), 'tributary-kubernetes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A secret as it would be mounted. */
const secretFile = (name: string): string => {
  const path = join(folder, name);
  const value = /_URL$/.test(name)
    ? `${name === 'REDIS_URL' ? 'redis' : 'postgres'}://user:word@store:1234/x`
    : 's'.repeat(44);
  writeFileSync(path, value);
  return path;
};

test('there are ten of the chart, and three overlays', () =>
  expect(files.filter(({ name }) => name.startsWith('overlay-')).length).toBe(files.length - 10));

test.each(gateways)('%s: the gateway would start with its environment', (_, { container }) => {
  const given: Record<string, string> = { ...ENVIRONMENT };
  for (const { name, value = '' } of container.env) {
    const [, secret] = /^(.+)_FILE$/.exec(name) ?? [];
    given[name] = secret === undefined ? value : secretFile(secret);
    if (secret !== undefined) expect(value).toBe(`/run/secrets/tributary/${secret}`);
  }
  const { unknown, server, mode } = loadConfig(given);
  expect(unknown).toEqual([]);
  expect({ mode, host: server.host, port: server.port }).toEqual({
    mode: 'authenticated',
    host: '0.0.0.0',
    port: PORT,
  });
});

test.each(gateways)('%s: no secret is in it, and each that is read is mounted', (_, { container, pod }) => {
  const secret = new Set<string>(
    variableTable()
      .filter(({ meta }) => meta.secret === true)
      .map(({ name }) => name),
  );
  expect(container.env.filter(({ name }) => secret.has(name))).toEqual([]);
  const mounted = pod.volumes
    .flatMap(({ projected }) => projected?.sources ?? [])
    .flatMap(({ secret: { items } }) => items.map(({ path }) => path));
  const wanted = container.env
    .filter(({ name }) => name.endsWith('_FILE'))
    .map(({ name }) => name.replace(/_FILE$/, ''));
  expect(mounted.sort()).toEqual(wanted.sort());
});

test.each(gateways)('%s: it is run as the image wants it, and asked where it answers', (_, { container, pod }) => {
  expect(pod.securityContext).toMatchObject({ runAsUser: USER, runAsGroup: USER, fsGroup: USER });
  expect(container.ports.find(({ name }) => name === 'http')).toMatchObject({ containerPort: PORT });
  expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toContain(DATA);
  expect(
    [container.startupProbe, container.livenessProbe, container.readinessProbe].map((probe) => probe?.httpGet),
  ).toEqual([
    { path: '/health/ready', port: 'http' },
    { path: '/health/live', port: 'http' },
    { path: '/health/ready', port: 'http' },
  ]);
});

test.each(gateways)('%s: it has the time to stop that it may take', (_, { container, pod }) => {
  const { shutdownDelayMs, shutdownTimeoutMs } = loadConfig({
    ...Object.fromEntries(
      container.env.map(({ name, value }) => [name, value]).filter(([name]) => /^SHUTDOWN_/.test(name!)),
    ),
  }).bounds.http;
  expect(shutdownDelayMs).toBeGreaterThan(HTTP.shutdownDelayMs);
  expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(
    shutdownDelayMs + shutdownTimeoutMs + 10_000,
  );
});

test.each(pods)('%s: restricted, whatever it is', (_, pod) => {
  expect(pod.automountServiceAccountToken).toBe(false);
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  expect(pod.securityContext['runAsUser']).toBeGreaterThan(0);
  for (const { securityContext, image } of pod.containers) {
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(image).toMatch(/:v?\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$/);
  }
});

test.each(files)('$name: what selects pods selects some', ({ resources }) => {
  const labels = resources.flatMap(({ spec }) => (spec?.template ? [spec.template.metadata.labels] : []));
  for (const { kind, metadata, spec } of resources) {
    if (!['Service', 'Deployment', 'StatefulSet', 'PodDisruptionBudget'].includes(kind)) continue;
    const selector = spec.selector?.matchLabels ?? (spec.selector as Record<string, string>);
    const selected = labels.filter((each) => Object.entries(selector).every(([key, value]) => each[key] === value));
    expect({ kind, name: metadata.name, selected: selected.length }).toMatchObject({ selected: 1 });
  }
});

test("the chart's alerts, versions and lists of secrets are those of the project", () => {
  expect(read('ops/kubernetes/chart/files/rules.yaml')).toBe(read('ops/observability/rules.yaml'));
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(parse(read('ops/kubernetes/chart/Chart.yaml'))).toMatchObject({ version, appVersion: version });
  const compose = parse(read('ops/compose/compose.yaml'), { merge: true }) as {
    services: Record<string, { image: string }>;
  };
  const values = parse(read('ops/kubernetes/chart/values.yaml')) as { qdrant: { image: string } };
  expect(values.qdrant.image).toBe(`${compose.services['qdrant']!.image}-unprivileged`);
  expect(read('ops/kubernetes/overlays/dev/postgres.yaml')).toContain(
    `image: ${compose.services['postgres']!.image}\n`,
  );

  const schema = JSON.parse(read('ops/kubernetes/chart/values.schema.json')) as {
    properties: {
      config: { propertyNames: { not: { enum: string[] } } };
      secrets: { properties: { keys: { items: { enum: string[] } } } };
    };
  };
  const table = variableTable();
  const secret = table.filter(({ meta }) => meta.secret === true).map(({ name }) => name as string);
  expect(schema.properties.secrets.properties.keys.items.enum.toSorted()).toEqual(secret.toSorted());
  const refused = schema.properties.config.propertyNames.not.enum;
  expect(refused.filter((name) => !secret.includes(name))).toEqual([
    'HOST',
    'PORT',
    'DATA_DIR',
    'METRICS_PORT',
    'SHUTDOWN_DELAY_MS',
    'SHUTDOWN_TIMEOUT_MS',
  ]);
  expect(secret.filter((name) => !refused.includes(name))).toEqual([]);
});

test('it is scaled by what it measures', () => {
  const [, metric] = /name: (tributary_\w+)/.exec(read('ops/kubernetes/chart/templates/availability.yaml')) ?? [];
  expect(read('docs/observability.md')).toContain(`\`${metric}\``);
});
