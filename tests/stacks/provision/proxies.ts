/** Proxies that stand before the gateway: the suites start them, each with its file of ops/edge. */
import { goProgram, goProgramUnavailable } from '#tests/stores/provision/go-program.ts';
import type { Store } from '#tests/stores/provision/store.ts';
import { CADDY, HAPROXY, NGINX, TRAEFIK_READER } from '#tests/stores/provision/versions.ts';
import { given, ofDebian } from './of-debian.ts';

export const nginx = ofDebian({
  name: 'nginx',
  title: 'nginx',
  ...NGINX,
  ask: '-v',
  packages: ['nginx'],
  suites: ['tests/stacks/edge/nginx.test.ts'],
});

export const haproxy = ofDebian({
  name: 'haproxy',
  title: 'HAProxy',
  ...HAPROXY,
  ask: '-v',
  // The second is a library of the first that has one of its own.
  packages: ['haproxy', 'libopentracing-c-wrapper0'],
  suites: ['tests/stacks/edge/haproxy.test.ts', 'tests/stacks/edge/rollout.test.ts'],
});

export const caddy: Store = {
  name: 'caddy',
  title: `Caddy ${CADDY.version.slice(1)}`,
  suites: ['tests/stacks/edge/caddy.test.ts'],
  available: (workplace) => goProgramUnavailable(workplace, 'caddy', CADDY),
  start: async (workplace) =>
    given('TEST_CADDY', { command: await goProgram(workplace, 'caddy', CADDY), env: { HOME: workplace.data } }),
};

/** Not the proxy: what of it reads its file. */
export const traefikReader: Store = {
  name: 'traefik',
  title: `Traefik's reader ${TRAEFIK_READER.version.slice(1)}`,
  slow: true,
  suites: ['tests/stacks/edge/traefik.test.ts'],
  available: (workplace) => goProgramUnavailable(workplace, 'traefik', TRAEFIK_READER),
  start: async (workplace) =>
    given('TEST_TRAEFIK_READER', { command: await goProgram(workplace, 'traefik', TRAEFIK_READER), env: {} }),
};
