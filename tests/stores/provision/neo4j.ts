import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { missingPrograms, runClient } from './clients.ts';
import { startServer, type Server } from './server.ts';
import { NotProvisioned, type Store } from './store.ts';
import { NEO4J } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

const folderName = `neo4j-${NEO4J.version}`;

interface Jar {
  sha256: string;
  /** Relative to a Maven repository. */
  path: string;
}

/** Neo4j Community, run from its jars. */
export const neo4j: Store = {
  name: 'neo4j',
  title: `Neo4j Community ${NEO4J.version}`,
  suites: [
    'tests/stores/neo4j.test.ts',
    'tests/stores/absent/neo4j.test.ts',
    'tests/contract/graph-neo4j.test.ts',
    'tests/contract/sources-neo4j.test.ts',
    'tests/faults/neo4j.test.ts',
  ],
  available: async (workplace) => {
    const missing = await missingPrograms('java', ...((await isCached(workplace, folderName)) ? [] : ['mvn']));
    if (missing) return missing;
    const version = (await runClient('java', ['-version'], { cwd: workplace.data })).join('\n');
    const found = /version "(\d+)/.exec(version)?.[1] ?? 'unknown';
    return (NEO4J.javaVersions as readonly string[]).includes(found)
      ? undefined
      : `Java ${NEO4J.javaVersions.join(' or ')} is needed; java is ${found}`;
  },
  start: async (workplace) => {
    const password = randomBytes(16).toString('hex');
    const server = await startNeo4j(workplace, join(workplace.data, 'neo4j'), password);
    return {
      env: {
        TEST_NEO4J_URI: `bolt://127.0.0.1:${server.port}`,
        TEST_NEO4J_USERNAME: 'neo4j',
        TEST_NEO4J_PASSWORD: password,
      },
      close: server.close,
    };
  },
};

/**
 * Starts the server over a folder; closing kills it, and another start finds the data again. @param password what it
 * gets at the first start
 */
export async function startNeo4j(workplace: Workplace, home: string, password: string): Promise<Server> {
  const jars = await pinnedJars();
  const library = await cached(workplace, folderName, (folder) => fetch(workplace, jars, folder));
  const classPath = jars.map(({ path }) => join(library, path)).join(delimiter);
  const conf = join(home, 'conf');
  const isNew = (await mkdir(conf, { recursive: true, mode: 0o700 })) !== undefined;
  if (isNew) await setPassword(classPath, home, conf, password);
  return await startServer({
    command: 'java',
    args: async (port) => {
      await writeFile(join(conf, 'neo4j.conf'), settings(port));
      return [
        ...JVM,
        '-cp',
        classPath,
        'org.neo4j.server.CommunityEntryPoint',
        `--home-dir=${home}`,
        `--config-dir=${conf}`,
        '--console-mode',
      ];
    },
    cwd: home,
    ready: /Started\.$/,
  });
}

/**
 * The faster compiler alone, as the server lives for a minute or so; the rest is what Neo4j's own start script opens to
 * it.
 */
const JVM = [
  '-Xmx768m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  ...['java.nio', 'java.io', 'sun.nio.ch', 'java.util.concurrent'].map(
    (name) => `--add-opens=java.base/${name}=ALL-UNNAMED`,
  ),
];

function settings(port: number): string {
  return [
    `server.bolt.listen_address=127.0.0.1:${port}`,
    `server.bolt.advertised_address=127.0.0.1:${port}`,
    'server.http.enabled=false',
    'server.https.enabled=false',
    'server.memory.pagecache.size=64m',
    // Half a gigabyte for each of the two databases otherwise.
    'db.tx_log.preallocate=false',
    'db.tx_log.rotation.size=16m',
    'dbms.usage_report.enabled=false',
    '',
  ].join('\n');
}

async function setPassword(classPath: string, home: string, conf: string, password: string): Promise<void> {
  await writeFile(join(conf, 'neo4j.conf'), '');
  const args = [...JVM, '-cp', classPath, 'org.neo4j.cli.AdminTool', 'dbms', 'set-initial-password', password];
  await runClient('java', args, { cwd: home, env: { NEO4J_HOME: home, NEO4J_CONF: conf } });
}

async function pinnedJars(): Promise<Jar[]> {
  const text = await readFile(new URL('neo4j.sha256', import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => ({ sha256: line.slice(0, 64), path: line.slice(66) }));
}

/** Has Maven fetch the server and what it depends on, and keeps the jars, if they are exactly those of neo4j.sha256. */
async function fetch(workplace: Workplace, jars: readonly Jar[], folder: string): Promise<void> {
  workplace.say(`neo4j: mvn resolves org.neo4j:neo4j:${NEO4J.version} (${jars.length} jars, about 120 MB) …`);
  const project = join(workplace.data, 'maven');
  const repository = join(workplace.cache, `${folderName}.maven`);
  await mkdir(project);
  await writeFile(join(project, 'pom.xml'), POM);
  const goal = `org.apache.maven.plugins:maven-dependency-plugin:${NEO4J.dependencyPlugin}:resolve`;
  const args = [
    '-B',
    '-q',
    '-C',
    '-f',
    join(project, 'pom.xml'),
    `-Dmaven.repo.local=${repository}`,
    '-DincludeScope=runtime',
    goal,
  ];
  await runClient('mvn', args, { cwd: project });
  for (const { sha256, path } of jars) {
    const file = join(repository, path);
    const hash = createHash('sha256');
    try {
      await pipeline(createReadStream(file), hash);
    } catch (cause) {
      throw new NotProvisioned(`Maven did not deliver ${path}, which neo4j.sha256 names.`, { cause });
    }
    const found = hash.digest('hex');
    if (found !== sha256)
      throw new NotProvisioned(`${path} was to have the SHA-256 ${sha256}; Maven delivered ${found}.`);
  }
  for (const { path } of jars) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await rename(join(repository, path), join(folder, path));
  }
  await rm(repository, { recursive: true });
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tributary</groupId>
  <artifactId>stores</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.neo4j</groupId>
      <artifactId>neo4j</artifactId>
      <version>${NEO4J.version}</version>
    </dependency>
  </dependencies>
</project>
`;
