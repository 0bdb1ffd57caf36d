import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { missingPrograms, runClient } from './clients.ts';
import { startServer } from './server.ts';
import { NotProvisioned, type Store } from './store.ts';
import { KEYCLOAK } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

const NAME = `keycloak-${KEYCLOAK.version}`;

/** Keycloak in its development mode: no store of data, but an issuer of tokens. */
export const keycloak: Store = {
  name: 'keycloak',
  title: `Keycloak ${KEYCLOAK.version}`,
  slow: true,
  suites: ['tests/gateway/keycloak.test.ts'],
  available: async (workplace) =>
    await missingPrograms('java', 'tar', 'bash', ...((await isCached(workplace, NAME)) ? [] : ['mvn'])),
  start: async (workplace) => {
    const archive = await cached(workplace, NAME, (folder) => fetch(workplace, folder));
    const home = join(workplace.data, 'keycloak');
    await mkdir(home);
    // Anew each time: it builds itself where it lies, and keeps its data there.
    const args = ['xzf', join(archive, 'keycloak.tar.gz'), '-C', home, '--strip-components=1'];
    await runClient('tar', args, { cwd: home });
    const password = randomBytes(16).toString('hex');
    const server = await startServer({
      command: 'bash',
      args: (port) => [
        join(home, 'bin/kc.sh'),
        'start-dev',
        '--http-host=127.0.0.1',
        `--http-port=${port}`,
        '--cache=local',
      ],
      cwd: home,
      env: {
        PATH: process.env['PATH']!,
        HOME: home,
        JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m',
        KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
        KC_BOOTSTRAP_ADMIN_PASSWORD: password,
      },
      ready: /Listening on:/,
      // It builds itself first: 40 s of a quiet machine, several minutes of a busy one.
      limitMs: 600_000,
    });
    return {
      env: { TEST_KEYCLOAK_URL: `http://127.0.0.1:${server.port}`, TEST_KEYCLOAK_PASSWORD: password },
      close: server.close,
    };
  },
};

async function fetch(workplace: Workplace, folder: string): Promise<void> {
  const artifact = `org.keycloak:keycloak-quarkus-dist:${KEYCLOAK.version}:tar.gz`;
  workplace.say(`keycloak: mvn copies ${artifact} (about 180 MB) …`);
  const repository = join(folder, 'maven');
  const goal = `org.apache.maven.plugins:maven-dependency-plugin:${KEYCLOAK.dependencyPlugin}:copy`;
  const options = ['-B', '-q', '-C', `-Dmaven.repo.local=${repository}`, `-Dartifact=${artifact}`];
  await runClient('mvn', [...options, `-DoutputDirectory=${folder}`, goal], { cwd: folder });
  await rm(repository, { recursive: true });
  const file = join(folder, `keycloak-quarkus-dist-${KEYCLOAK.version}.tar.gz`);
  const found = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  if (found !== KEYCLOAK.sha256)
    throw new NotProvisioned(`${artifact} was to have the SHA-256 ${KEYCLOAK.sha256}; Maven delivered ${found}.`);
  await rename(file, join(folder, 'keycloak.tar.gz'));
}
