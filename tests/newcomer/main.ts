/**
 * `npm run test:newcomer`: does what the README says, literally, in an empty folder that has only what is committed: the
 * first start, every query with its printed answer, the query that the start prints, a folder of notes, the demo taken
 * out, an end by signal, and a new beginning without the demo. Only addresses differ, and the folder that a reader names.
 * The first step that does not do what is said ends it with 1.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { blocksOf } from '#tests/e2e/readme/blocks.ts';
import { cleanEnvironment, startProgram, type Program } from '#tests/ops/program.ts';
import { freePort } from '#tests/stores/provision/server.ts';

const PATIENCE_MS = 600_000;
const AGAIN_MS = 500;

const ROOT = new URL('../../', import.meta.url);
const folder = await mkdtemp(join(tmpdir(), 'tributary-newcomer-'));
const app = join(folder, 'app');
const notes = join(folder, 'notes');
const url = `http://127.0.0.1:${await freePort()}`;
// What a shell has that nobody has prepared, but for where packages come from.
const env = cleanEnvironment({ PORT: new URL(url).port, LOG_FORMAT: 'json' });
let running: Program | undefined;
let steps = 0;

async function main(readme: string): Promise<void> {
  const said = (command: string): string => {
    assert.ok(readme.includes(command), `The README no longer says: ${command}`);
    return command;
  };

  await step('the first start', async () => {
    running = start(said('npm start'));
    await ready();
  });
  await step('the query that it prints', async () => {
    const [command] = await until(async () => /^ {2}curl .*$/m.exec(running!.output) ?? undefined);
    const { data, errors } = JSON.parse(await shell(command)) as Answer;
    assert.equal(errors, undefined);
    assert.ok(data!.search.edges.length > 0, 'It finds nothing.');
  });
  await step('the rest of the demo', async () => {
    await until(async () => (running!.output.includes('The demo is complete.') ? true : undefined));
    await until(async () => ((await health()).progress.outbox.pending === 0 ? true : undefined));
  });
  const queries = blocksOf(readme, 'sh');
  const answers = blocksOf(readme, 'json');
  assert.ok(queries.length > 0 && queries.length === answers.length);
  for (const [index, query] of queries.entries())
    await step(`query ${index + 1}, and the answer that is printed`, async () => {
      assert.deepEqual(JSON.parse(await shell(query)), JSON.parse(answers[index]!));
    });
  for (const [, address] of readme.matchAll(/<(http:\/\/127\.0\.0\.1:4000[^>]*)>/g))
    await step(`the page ${address}`, async () => {
      const response = await fetch(address!.replace('http://127.0.0.1:4000', url), {
        headers: { accept: 'text/html' },
      });
      assert.equal(response.status, 200);
      assert.match(await response.text(), /<!doctype html>/i);
    });
  await step('a folder of notes', async () => {
    await mkdir(notes);
    await writeFile(join(notes, 'first.md'), '# Quokkas\n\nWhat quokkas eat, see [leaves](leaves.md).\n');
    await writeFile(join(notes, 'leaves.md'), '# Leaves\n\nOf all trees.\n');
    const output = await shell(
      said('npm run ingest -- path/to/folder').replace('path/to/folder', `${notes} ${said('--collection notes')}`),
    );
    assert.match(output, /2 documents/);
    // As it is said to be narrowed.
    said('where: { collection: { eq: "notes" } }');
    const query =
      '{ search(query: "quokka", where: { collection: { eq: "notes" } }) { edges { node { document { title } } } } }';
    await until(async () => {
      const { edges } = (await ask(query)).data!.search;
      return edges.some(({ node }) => node.document.title === 'Quokkas') ? true : undefined;
    });
  });
  await step('the demo taken out', async () => {
    assert.match(await shell(said('npm run demo -- --remove')), /documents of the collection "demo"/);
    assert.equal((await ask('{ documents { totalCount } }')).data!.documents.totalCount, 2);
  });
  await step('an end by signal', end);
  await step('the same notes after another start', async () => {
    running = start(said('npm start'));
    await ready();
    assert.equal((await ask('{ documents { totalCount } }')).data!.documents.totalCount, 2);
    await end();
  });
  await step('a new beginning without the demo', async () => {
    await shell(said('rm -r .local-data'));
    running = start(said('npm start -- --no-demo'));
    await ready();
    assert.equal((await ask('{ documents { totalCount } }')).data!.documents.totalCount, 0);
    await end();
  });
  await step('nothing is left beside the folders that are ignored', async () => {
    assert.equal(execFileSync('git', ['status', '--porcelain'], { cwd: app, encoding: 'utf8' }), '');
    assert.deepEqual((await readdir(folder)).sort(), ['app', 'notes']);
  });
}

interface Answer {
  readonly data?: {
    readonly documents: { readonly totalCount: number };
    readonly search: {
      readonly edges: readonly { readonly node: { readonly document: { readonly title: string } } }[];
    };
  };
  readonly errors?: unknown;
}

async function step(name: string, work: () => Promise<void>): Promise<void> {
  const began = performance.now();
  try {
    await work();
  } catch (error) {
    console.error(`✗ ${name}`);
    if (running !== undefined) console.error(running.output.slice(-5_000));
    throw error;
  }
  steps += 1;
  console.log(`✓ ${name} (${Math.round((performance.now() - began) / 1_000)} s)`);
}

/** Runs a line of shell in the clone as printed, but for the address. */
async function shell(line: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = { cwd: app, env, timeout: PATIENCE_MS };
    execFile('bash', ['-c', line.replaceAll('http://127.0.0.1:4000', url)], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${line}\n${stdout}${stderr}`, { cause: error }));
    });
  });
}

const start = (command: string): Program =>
  startProgram('bash', ['-c', `exec ${command}`], { cwd: app, env, detached: true });

async function end(): Promise<void> {
  endGroup(running!, 'SIGTERM');
  assert.ok([0, null].includes(await running!.exited()), `It ended otherwise:\n${running!.output.slice(-2_000)}`);
  running = undefined;
  await assert.rejects(fetch(`${url}/health/live`));
}

function endGroup({ pid }: Program, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}

/** Asks until there is something. @throws where the server ends before, or it takes too long */
async function until<Result>(look: () => Promise<Result | undefined>): Promise<Result> {
  const latest = performance.now() + PATIENCE_MS;
  for (;;) {
    const result = await look();
    if (result !== undefined) return result;
    if (running!.child.exitCode !== null) throw new Error(`The server has ended:\n${running!.output}`);
    if (performance.now() > latest) throw new Error('It takes too long.');
    await delay(AGAIN_MS);
  }
}

const health = async (): Promise<{ progress: { outbox: { pending: number } } }> =>
  (await (await fetch(`${url}/health/ready`)).json()) as { progress: { outbox: { pending: number } } };

const ready = (): Promise<true> =>
  until(async () => {
    const response = await fetch(`${url}/health/ready`).catch(() => undefined);
    return response?.status === 200 ? true : undefined;
  });

async function ask(query: string): Promise<Answer> {
  const body = JSON.stringify({ query });
  const answer = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  return (await answer.json()) as Answer;
}

try {
  execFileSync('git', ['clone', '--quiet', new URL('.', ROOT).pathname, app]);
  await main(await readFile(join(app, 'README.md'), 'utf8'));
  console.log(`\nA newcomer's first hour: ${steps} steps did what the README says of them.`);
} finally {
  if (running !== undefined) endGroup(running, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
