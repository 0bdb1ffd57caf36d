/**
 * README.md as a newcomer reads it: every command and query runs as it is printed, and what it answers is what is
 * printed. Only addresses differ (a free port instead of 4000 and 4103), and the folder that a reader would name.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { UPSERT_DOCUMENT } from '#ops/ingest/document-input.ts';
import { installedPackages, packageDocuments } from '#ops/ingest/packages.ts';
import { ingest } from '#ops/ingest/run.ts';
import { readSupergraphFile } from '#gateway/supergraph/supergraph-file.ts';
import { startTestServer, type TestServer } from '#tests/setup/server.ts';
import { cleanEnvironment, startProgram } from '#tests/ops/program.ts';
import { post } from '../contract/clients.ts';
import { blocksOf } from './blocks.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Relatives of what the README asks for, beside the direct dependencies. */
const RELATIVES = /node_modules\/(pg|pgpass|postgres)[a-z-]*$/;

let readme: string;
let server: TestServer;
let folder: string;

/** Runs a line of shell as printed, but for the address. */
function shell(line: string, env: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
  const here = line.replaceAll('http://127.0.0.1:4000', server.url);
  return new Promise((resolve) => {
    execFile(
      'bash',
      ['-c', here],
      { cwd: ROOT, env: cleanEnvironment({ PORT: String(server.server.port), ...env }), timeout: 60_000 },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: error === null ? stdout : stderr }),
    );
  });
}

beforeAll(async () => {
  readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  folder = await mkdtemp(join(tmpdir(), 'tributary-readme-'));
  server = await startTestServer({ RUN_LIBRARIAN: 'true' });
  const packages = (await installedPackages(ROOT)).filter((one) => one.direct || RELATIVES.test(one.folder));
  const report = await ingest(packageDocuments(packages), {
    upsert: async (input) => {
      expect((await post(server.url, UPSERT_DOCUMENT, { input })).errors).toBeUndefined();
    },
  });
  expect(report.skipped).toEqual([]);
  await vi.waitFor(
    async () => {
      const health = (await (await fetch(`${server.url}/health/ready`)).json()) as {
        progress: { outbox: { pending: number; failed: number } };
      };
      expect(health.progress.outbox).toMatchObject({ pending: 0, failed: 0 });
    },
    { timeout: 60_000 },
  );
}, 240_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

test('every query answers what is printed below it', async () => {
  const commands = blocksOf(readme, 'sh');
  const answers = blocksOf(readme, 'json');
  expect(commands.length).toBeGreaterThan(0);
  expect(answers).toHaveLength(commands.length);
  for (const [index, command] of commands.entries()) {
    const { code, output } = await shell(command);
    expect({ code, answer: JSON.parse(output) as unknown }).toEqual({
      code: 0,
      answer: JSON.parse(answers[index]!) as unknown,
    });
  }
});

/** What each command of the README does; a command that is not here fails the test below. */
const COMMANDS: Readonly<Record<string, (command: string) => Promise<void>>> = {
  // These run in tests of their own: a first start, this suite, and a measurement.
  'npm start': isScript,
  'npm test': isScript,
  // The whole demo takes long: tests/e2e/ingest/demo.test.ts. A start without it: tests/ops/start.test.ts.
  'npm run demo': isScript,
  'npm start -- --no-demo': (command) => isScript(command.replace(' -- --no-demo', '')),
  'npm run demo -- --remove': async (command) => {
    const { code, output } = await shell(command);
    expect({ code, output }).toEqual({
      code: 0,
      output: expect.stringContaining('documents of the collection "demo"') as string,
    });
  },
  'npm run bench': isScript,
  'npm run compose': async (command) => {
    const { code, output } = await shell(command);
    expect(output).toContain('Composed 6 subgraphs');
    expect(code).toBe(0);
  },
  // What it does with operations is shown in tests/ops/compare.test.ts; without any it says what it needs.
  'npm run compare': async (command) => {
    const { code, output } = await shell(command);
    expect({ code, output }).toEqual({ code: 2, output: expect.stringContaining('--supergraph') as string });
  },
  'npm run ingest -- path/to/folder': async (command) => {
    await writeFile(join(folder, 'first.md'), '# First\n\nSee [second](second.txt).\n');
    await writeFile(join(folder, 'second.txt'), 'The second of my notes.');
    const { code, output } = await shell(command.replace('path/to/folder', folder));
    expect(output).toContain('2 documents');
    expect(code).toBe(0);
  },
  // It takes free ports here.
  'PORT=4055 npm start': (command) => isScript(command.replace('PORT=4055 ', '')),
  'npm run -s keys -- create --tenant default --name CI --scopes documents:write': async (command) => {
    const { code, output } = await shell(command, {
      DATABASE_URL: server.databaseUrl,
      DATA_DIR: server.dataDir,
    });
    expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^trk_\w{12}_[\w-]+\n$/) as string });
  },
  'npm run new -- --help': async (command) => {
    const { code, output } = await shell(command);
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('driver') as string });
  },
  'npm run subgraph -- vector --port 4103': async (command) => {
    using program = startProgram('bash', ['-c', `exec ${command.replace('4103', '0')}`], {
      cwd: ROOT,
      detached: true,
      env: cleanEnvironment({ DATABASE_URL: server.databaseUrl, DATA_DIR: server.dataDir }),
    });
    try {
      const address = await vi.waitUntil(() => /answers at (\S+)\/graphql/.exec(program.output)?.[1], {
        timeout: 30_000,
      });
      expect((await fetch(`${address}/health/live`)).status).toBe(200);
    } finally {
      process.kill(-program.pid, 'SIGTERM');
      await program.exited();
    }
  },
};

async function isScript(command: string): Promise<void> {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(Object.keys(scripts)).toContain(command.replace(/^npm (run )?/, ''));
}

test('every command does what is said of it', async () => {
  const inline = [...readme.matchAll(/`((?:PORT=\d+ )?npm [^`]+)`/g)].map((match) => match[1]!);
  const indented = [...readme.matchAll(/^ {4}(npm .+?)(?: {2,}#.*)?$/gm)].map((match) => match[1]!);
  const printed = new Set([...inline, ...indented]);
  expect([...printed].sort()).toEqual(Object.keys(COMMANDS).sort());
  for (const command of printed) await COMMANDS[command]!(command);
}, 120_000);

test('every address of the server is answered, and every file that is linked exists', async () => {
  const addresses = [...readme.matchAll(/<(http:\/\/127\.0\.0\.1:4000[^>]*)>/g)].map((match) => match[1]!);
  expect(addresses.length).toBeGreaterThan(0);
  for (const address of addresses) {
    const response = await fetch(address.replace('http://127.0.0.1:4000', server.url), {
      headers: { accept: 'text/html' },
    });
    expect({ address, status: response.status }).toEqual({ address, status: 200 });
  }
  const files = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map((match) => match[1]!);
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) await readFile(join(ROOT, file)).catch(expectFolder(file));
});

const expectFolder = (file: string) => (error: NodeJS.ErrnoException) =>
  expect({ file, code: error.code }).toEqual({ file, code: 'EISDIR' });

test('three lines add a subgraph to supergraph.yaml', async () => {
  const [lines] = blocksOf(readme, 'yaml');
  const path = join(folder, 'supergraph.yaml');
  const own = await readFile(join(ROOT, 'supergraph.yaml'), 'utf8');
  await writeFile(path, `${own}${lines}`);
  const { subgraphs } = await readSupergraphFile(path);
  expect(subgraphs.map(({ name }) => name)).toContain('reviews');
});
