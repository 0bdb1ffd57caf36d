/** Proxies that stand before the gateway: the suites start them, each with its file of ops/edge. */
import { join } from 'node:path';

import { findProgram, missingPrograms, runClient } from '#tests/stores/provision/clients.ts';
import { librariesOf, unpackDebian } from '#tests/stores/provision/debian.ts';
import { goProgram, goProgramUnavailable } from '#tests/stores/provision/go-program.ts';
import { NotProvisioned, type Store } from '#tests/stores/provision/store.ts';
import { CADDY, HAPROXY, NGINX, TRAEFIK_READER } from '#tests/stores/provision/versions.ts';
import { cached, isCached, type Workplace } from '#tests/stores/provision/workplace.ts';

/** A program, and what its environment must have; suites read it from a variable, as JSON. */
export interface ProxyProgram {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

const given = (variable: string, program: ProxyProgram) => ({
  env: { [variable]: JSON.stringify(program) },
  close: () => Promise.resolve(),
});

interface OfDebian {
  readonly name: string;
  readonly title: string;
  /** The oldest whose file of ops/edge holds. */
  readonly oldest: string;
  /** Prints the version. */
  readonly ask: string;
  readonly packages: readonly string[];
  /** Suites of it besides that which all proxies have. */
  readonly suites?: readonly string[];
}

/** The one on the PATH, else Debian's, unpacked into the cache. */
const ofDebian = ({ name, title, oldest, ask, packages, suites = [] }: OfDebian): Store => {
  const folderName = `${name}-debian-${process.arch}`;
  const locate = async (workplace: Workplace): Promise<ProxyProgram> => {
    const installed = await findProgram(name);
    if (installed) return { command: installed, env: {} };
    const folder = await cached(workplace, folderName, (made) => unpackDebian(workplace, made, packages));
    return { command: join(folder, 'usr/sbin', name), env: await librariesOf(folder) };
  };
  return {
    name,
    title: `${title} ${oldest} or newer`,
    suites: [`tests/stacks/edge/${name}.test.ts`, ...suites],
    available: async (workplace) => {
      if ((await findProgram(name)) || (await isCached(workplace, folderName))) return undefined;
      const missing = await missingPrograms('apt-get', 'apt-cache', 'dpkg-deb');
      return missing && `${name} must be on the PATH (or Debian's ${missing})`;
    },
    start: async (workplace) => {
      const program = await locate(workplace);
      const told = (await runClient(program.command, [ask], { cwd: workplace.data, env: program.env })).join(' ');
      const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(told)?.map(Number) ?? [];
      const [wanted = 0, least = 0] = oldest.split('.').map(Number);
      if (major < wanted || (major === wanted && minor < least))
        throw new NotProvisioned(`${program.command} is "${told}"; ${title} ${oldest} or newer is needed.`);
      return given(`TEST_${name.toUpperCase()}`, program);
    },
  };
};

export const nginx = ofDebian({ name: 'nginx', title: 'nginx', ...NGINX, ask: '-v', packages: ['nginx'] });

export const haproxy = ofDebian({
  name: 'haproxy',
  title: 'HAProxy',
  ...HAPROXY,
  ask: '-v',
  // The second is a library of the first that has one of its own.
  packages: ['haproxy', 'libopentracing-c-wrapper0'],
  suites: ['tests/stacks/edge/rollout.test.ts'],
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
