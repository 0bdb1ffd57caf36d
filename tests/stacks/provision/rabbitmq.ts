/** RabbitMQ, and a Python with Dramatiq: the suite starts and kills both. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { missingPrograms, runClient } from '#tests/stores/provision/clients.ts';
import { librariesOf, unpackDebian } from '#tests/stores/provision/debian.ts';
import type { Store } from '#tests/stores/provision/store.ts';
import { DRAMATIQ, RABBITMQ } from '#tests/stores/provision/versions.ts';
import { cached, isCached, type Workplace } from '#tests/stores/provision/workplace.ts';

/** What the suite reads from `TEST_RABBITMQ`, as JSON. */
export interface RabbitMqPrograms {
  /** A folder of scripts, `rabbitmq-server` and `rabbitmqctl` among them. */
  readonly scripts: string;
  /** A folder of Erlang's programs, `epmd` among them. */
  readonly erlang: string;
  /** What the environment of both must have. */
  readonly env: Readonly<Record<string, string>>;
  /** A folder of Python's packages, with Dramatiq among them. */
  readonly python: string;
}

/** Where Debian's Erlang believes itself to be. */
const ERLANG_HOME = '/usr/lib/erlang';
const folderName = `rabbitmq-debian-${process.arch}`;
const LIBRARIES =
  'asn1 base crypto eldap ftp inets mnesia os-mon parsetools public-key runtime-tools snmp ssl syntax-tools tftp tools xmerl';

async function unpack(workplace: Workplace, made: string, folder: string): Promise<void> {
  const erlang = LIBRARIES.split(' ').map((name) => `erlang-${name}`);
  await unpackDebian(workplace, made, ['rabbitmq-server', ...erlang]);
  const erl = join(made, ERLANG_HOME, 'bin/erl');
  // It is not asked where it is.
  await writeFile(erl, (await readFile(erl, 'utf8')).replaceAll(ERLANG_HOME, join(folder, ERLANG_HOME)));
  await chmod(erl, 0o755);
}

async function programs(workplace: Workplace): Promise<RabbitMqPrograms> {
  const folder = await cached(workplace, folderName, (made) =>
    unpack(workplace, made, join(workplace.cache, folderName)),
  );
  const python = await cached(workplace, `dramatiq-${DRAMATIQ.version}`, async (made) => {
    workplace.say(`pip install dramatiq ${DRAMATIQ.version} …`);
    const requirements = fileURLToPath(new URL('../../../examples/dramatiq/requirements.txt', import.meta.url));
    const pip = ['-m', 'pip', 'install', '--quiet', '--only-binary=:all:', '--target', made, '-r', requirements];
    await runClient('python3', pip, { cwd: made });
  });
  return {
    scripts: join(folder, 'usr/lib/rabbitmq/bin'),
    erlang: join(folder, ERLANG_HOME, 'bin'),
    env: await librariesOf(folder),
    python,
  };
}

export const rabbitmq: Store = {
  name: 'rabbitmq',
  title: `RabbitMQ ${RABBITMQ.oldest} or newer with Dramatiq ${DRAMATIQ.version}`,
  suites: ['tests/contract/runs-rabbitmq.test.ts', 'tests/stacks/queues/dramatiq.test.ts'],
  available: async (workplace) =>
    (await missingPrograms('python3')) ??
    ((await isCached(workplace, folderName)) ? undefined : await missingPrograms('apt-get', 'apt-cache', 'dpkg-deb')),
  start: async (workplace) => ({
    env: { TEST_RABBITMQ: JSON.stringify(await programs(workplace)) },
    close: () => Promise.resolve(),
  }),
};
