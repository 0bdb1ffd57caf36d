import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { missingPrograms, runClient } from './provision/clients.ts';
import { clickhouse } from './provision/clickhouse.ts';
import { mariadb } from './provision/mariadb.ts';
import { mongodb } from './provision/mongodb.ts';
import { mysql } from './provision/mysql.ts';
import { neo4j } from './provision/neo4j.ts';
import { postgres } from './provision/postgres.ts';
import { qdrant } from './provision/qdrant.ts';
import { redis } from './provision/redis.ts';
import { freePort } from './provision/server.ts';
import { NotProvisioned, type Store } from './provision/store.ts';
import { toxiproxy } from './provision/toxiproxy.ts';

/** The file that says what runs. */
export const COMPOSE_FILE = fileURLToPath(new URL('../../ops/docker/stores.yaml', import.meta.url));

/** Runs `docker` with these arguments and answers what it printed. */
export type Docker = (args: readonly string[], env: Readonly<Record<string, string>>) => Promise<string[]>;

interface Service {
  readonly name: string;
  readonly title: string;
  readonly suites: readonly string[];
  readonly limits?: Store['limits'];
  /** The port inside of the container; absent for what is on the machine's own network. */
  readonly port?: number;
  readonly env: (address: string, password: string) => Record<string, string>;
}

/** These start servers of their own from package registries, which a machine with Docker need not be able to. */
const OWN_SERVERS = ['tests/faults/neo4j.test.ts', 'tests/faults/faults.test.ts'];
const suitesOf = ({ suites }: Store): readonly string[] => suites.filter((suite) => !OWN_SERVERS.includes(suite));

/** By their names in the file. */
const SERVICES: readonly Service[] = [
  {
    name: 'neo4j',
    title: neo4j.title,
    suites: suitesOf(neo4j),
    port: 7687,
    env: (address, password) => ({
      TEST_NEO4J_URI: `bolt://${address}`,
      TEST_NEO4J_USERNAME: 'neo4j',
      TEST_NEO4J_PASSWORD: password,
    }),
  },
  {
    name: 'qdrant',
    title: 'Qdrant',
    suites: qdrant.suites,
    limits: qdrant.limits,
    port: 6333,
    env: (address, password) => ({ TEST_QDRANT_URL: `http://${address}`, TEST_QDRANT_API_KEY: password }),
  },
  {
    name: 's3',
    title: 'S3 (MinIO)',
    suites: [
      'tests/stores/s3.test.ts',
      'tests/stores/absent/s3.test.ts',
      'tests/contract/object-s3.test.ts',
      'tests/contract/sources-s3.test.ts',
    ],
    port: 9000,
    env: (address, password) => ({
      TEST_S3_ENDPOINT: `http://${address}`,
      TEST_S3_ACCESS_KEY: 'tributary',
      TEST_S3_SECRET_KEY: password,
      TEST_S3_REGION: 'eu-test-1',
    }),
  },
  {
    name: 'postgres',
    title: postgres.title,
    suites: suitesOf(postgres),
    limits: postgres.limits,
    port: 5432,
    env: (address, password) => {
      const url = `postgres://postgres:${password}@${address}/postgres`;
      return { TEST_DATABASE_URL: url, TEST_PGVECTOR_URL: url };
    },
  },
  {
    name: 'mariadb',
    title: mariadb.title,
    suites: suitesOf(mariadb),
    port: 3306,
    env: (address, password) => ({ TEST_MARIADB_URL: `mariadb://root:${password}@${address}/` }),
  },
  {
    name: 'mysql',
    title: mysql.title,
    suites: suitesOf(mysql),
    port: 3306,
    env: (address, password) => ({ TEST_MYSQL_URL: `mysql://root:${password}@${address}/` }),
  },
  {
    name: 'clickhouse',
    title: 'ClickHouse',
    suites: suitesOf(clickhouse),
    port: 8123,
    env: (address, password) => ({ TEST_CLICKHOUSE_URL: `clickhouse://tests:${password}@${address}/` }),
  },
  {
    name: 'mongodb',
    title: 'MongoDB',
    suites: suitesOf(mongodb),
    port: 27017,
    env: (address, password) => ({ TEST_MONGODB_URL: `mongodb://root:${password}@${address}/?authSource=admin` }),
  },
  {
    name: 'redis',
    title: redis.title,
    suites: suitesOf(redis),
    port: 6379,
    env: (address, password) => ({ TEST_REDIS_URL: `redis://:${password}@${address}` }),
  },
  {
    name: 'toxiproxy',
    title: toxiproxy.title,
    suites: suitesOf(toxiproxy),
    env: (address) => ({ TEST_TOXIPROXY_URL: `http://${address}` }),
  },
];

/** Suites that need several of these at once. */
export const COMPOSE_JOINT_SUITES: readonly { suite: string; needs: readonly string[] }[] = [
  { suite: 'tests/faults/outbox.test.ts', needs: ['postgres', 'neo4j', 's3', 'toxiproxy'] },
];

/**
 * The stores of ops/compose, each a service of one project that this run makes and removes. A run that is killed
 * outright leaves its containers: `docker compose ls` names them.
 * @param docker @default the `docker` of the PATH
 */
export function composeStores(
  docker: Docker = (args, env) => runClient('docker', args, { cwd: process.cwd(), env }),
): readonly Store[] {
  const project = `tributary-stores-${randomBytes(4).toString('hex')}`;
  const password = randomBytes(16).toString('hex');
  const running = new Set<string>();
  let listening: Promise<number> | undefined;
  const compose = async (...args: string[]): Promise<string[]> =>
    await docker(['compose', '--project-name', project, '--file', COMPOSE_FILE, ...args], {
      STORES_PASSWORD: password,
      TOXIPROXY_PORT: String(await (listening ??= freePort())),
    });

  return SERVICES.map(({ name, title, suites, limits, port, env }) => ({
    name,
    title: `${title}, on Docker`,
    suites,
    ...(limits === undefined ? {} : { limits }),
    available: async () => await missingPrograms('docker'),
    start: async (workplace) => {
      workplace.say(`${name}: docker compose up …`);
      running.add(name);
      await compose('up', '--detach', '--wait', '--quiet-pull', name);
      const address =
        port === undefined ? `127.0.0.1:${await listening}` : addressOf(await compose('port', name, String(port)));
      await accepting(address);
      return {
        env: env(address, password),
        close: async () => {
          running.delete(name);
          // The last one takes the project's network with it.
          if (running.size === 0) await compose('down', '--volumes', '--timeout', '1');
          else await compose('rm', '--stop', '--force', '--volumes', name);
        },
      };
    },
  }));
}

/** What `docker compose port` says, such as `127.0.0.1:49153`. */
function addressOf(lines: readonly string[]): string {
  const address = lines.find((line) => /^[\d.]+:\d+$/.test(line.trim()))?.trim();
  if (address === undefined) throw new NotProvisioned(`docker compose port said no address:\n${lines.join('\n')}`);
  return address;
}

/** Waits until somebody listens: not every image has something to ask whether it is healthy. */
async function accepting(address: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${address}`);
  for (let attempt = 0; attempt < 400; attempt++) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await delay(50);
  }
  throw new NotProvisioned(`Nobody listens at ${address}.`);
}
