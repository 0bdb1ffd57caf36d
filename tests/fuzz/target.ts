/** The server under test: a process as an operator starts it, with a heap of 512 MB and two tenants' data. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { startIssuer, type Issuer } from '#tests/gateway/issuer.ts';
import { http } from '#tests/gateway/ways-in.ts';
import { cleanEnvironment } from '#tests/ops/program.ts';
import type { Addressee } from './send.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HEAP_MB = 512;
const START_TIMEOUT_MS = 180_000;
const KEPT_OUTPUT = 400_000;

/** Percentiles of the delay of the event loop, in milliseconds. */
export interface Delay {
  readonly samples: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What the probe in the server tells (`probe.mjs`), since it was last reset. */
export interface Reading {
  /** By the clock that `clock` names. */
  readonly delayMs: Delay;
  readonly wallDelayMs: Delay;
  readonly clock: string;
  /** Rounds of the event loop of more than 50 ms, with their end. */
  readonly long: readonly { readonly at: number; readonly ms: number }[];
  /** Of the whole process, and of its main thread, since it began. */
  readonly cpuMs: number;
  readonly threadMs: number;
  /** Bytes, now and at most. */
  readonly heap: number;
  readonly memory: number;
  readonly peakHeap: number;
  readonly peakMemory: number;
  /** Properties that `Object.prototype` has gained. */
  readonly prototypeGrew: number;
}

export interface Target extends AsyncDisposable {
  readonly hostile: Addressee;
  /** Another tenant, whose data nobody touches. */
  readonly good: { readonly url: string; readonly token: string };
  /** Its last output. */
  readonly output: string;
  /** Whether it has ended by itself. */
  readonly hasEnded: boolean;
  probe(command: 'tell' | 'reset' | 'collect'): Promise<Reading>;
}

export async function startTarget(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-fuzz-'));
  const issuer = await startIssuer();
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${HEAP_MB}`,
      '--max-semi-space-size=64',
      '--expose-gc',
      '--import',
      new URL('./probe.mjs', import.meta.url).href,
      'ops/start.mjs',
    ],
    {
      cwd: ROOT,
      env: cleanEnvironment({
        FUZZ_PROBE: 'yes',
        DATA_DIR: folder,
        PORT: '0',
        INGEST_ON_START: 'false',
        RUN_LIBRARIAN: 'false',
        LOG_LEVEL: 'error',
        OIDC_ISSUER: issuer.url,
        OIDC_AUDIENCE: 'tributary',
        ANONYMOUS_TENANT: 'hostile',
        // Rates would stop the fuzzer before anything else does; the bounds of one request are what is tried.
        RATE_LIMIT_PRINCIPAL: '0',
        RATE_LIMIT_ADDRESS: '0',
        RATE_LIMIT_TENANT: '0',
        RATE_LIMIT_PRINCIPAL_MODELS: '0',
        MAX_BATCH_OPERATIONS: '5',
        MAX_UPLOAD_FILES: '2',
      }),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  let isWanted = true;
  let hasEnded = false;
  child.once('exit', () => (hasEnded = isWanted));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const end = async (): Promise<void> => {
    isWanted = false;
    process.off('exit', kill);
    await stop(child);
    await issuer[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const said = Promise.all(
      [/fuzz-probe: (\d+)/, /(http:\/\/127\.0\.0\.1:\d+)\/graphql/].map(
        (pattern) =>
          new Promise<string>((resolve, reject) => {
            for (const stream of [child.stdout, child.stderr])
              stream.on('data', (data: Buffer) => {
                output = (output + String(data)).slice(-KEPT_OUTPUT);
                const found = pattern.exec(output)?.[1];
                if (found !== undefined) resolve(found);
              });
            child.once('exit', (code, signal) => reject(new Error(`The server ended (${signal ?? code}):\n${output}`)));
            setTimeout(() => reject(new Error(`The server did not start:\n${output}`)), START_TIMEOUT_MS).unref();
          }),
      ),
    );
    const [port, url] = (await said) as [string, string];
    const tokens = await tokensOf(issuer);
    const ids = await fill(url, tokens.all, 60);
    await fill(url, tokens.good, 5);
    return {
      hostile: { url, tokens, ids },
      good: { url, token: tokens.good },
      get output() {
        return output;
      },
      get hasEnded() {
        return hasEnded;
      },
      probe: (command) => ask(Number(port), command),
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await gone;
  clearTimeout(timer);
}

async function ask(port: number, command: string): Promise<Reading> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8').write(command);
  let text = '';
  for await (const chunk of socket as AsyncIterable<string>) text += chunk;
  return JSON.parse(text) as Reading;
}

async function tokensOf(issuer: Issuer): Promise<Addressee['tokens'] & { good: string }> {
  const lasting = { expiresInSeconds: 24 * 3_600 };
  const scope = ALL_SCOPES.join(' ');
  return {
    all: `Bearer ${await issuer.token({ tenant: 'hostile', scope }, lasting)}`,
    reader: `Bearer ${await issuer.token({ tenant: 'hostile', sub: 'reader' }, lasting)}`,
    good: `Bearer ${await issuer.token({ tenant: 'good', scope }, lasting)}`,
    wrong: `Bearer ${await issuer.token({ tenant: 'good' }, { ...lasting, foreignKey: true })}`,
  };
}

/** Writes what a tenant has, by the API; ids of all of it. */
async function fill(url: string, token: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  const run = async (query: string, variables: Record<string, unknown> = {}): Promise<Record<string, unknown>> => {
    const headers = { 'content-type': 'application/json', authorization: token };
    const { text } = await http(url, '/graphql', 'POST', headers, JSON.stringify({ query, variables }));
    const { data, errors } = JSON.parse(text) as { data: Record<string, unknown>; errors?: unknown };
    if (errors !== undefined) throw new Error(`${query}: ${text.slice(0, 1_000)}`);
    ids.push(...[...text.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id!));
    return data;
  };
  const numbers = Array.from({ length: count }, (_, index) => index);
  const documents = numbers.map((index) => ({
    title: `Document ${index}`,
    source: `fuzz://document/${index}`,
    mediaType: 'text/markdown',
    text: `# Document ${index}\n\n${`A store retries what the planner of package ${index} has asked for. `.repeat(20 * (1 + (index % 10)))}`,
    entities: [
      { name: `package-${index}`, kind: 'Package' },
      { name: `package-${(index * 7) % count}`, kind: 'Package' },
    ],
    relations: [{ type: 'DEPENDS_ON', from: { name: `package-${index}`, kind: 'Package' }, to: { name: `package-${(index * 7) % count}`, kind: 'Package' } }],
  })); // prettier-ignore
  for (let at = 0; at < count; at += 10)
    await run(
      'mutation($documents: [UpsertDocumentsItem!]!) { upsertDocuments(input: { documents: $documents }) { documents { id chunks(first: 3) { edges { node { id } } } } } }',
      { documents: documents.slice(at, at + 10) },
    );
  await run(
    'mutation($text: String!) { upsertDocument(input: { title: "Long", source: "fuzz://long", mediaType: "text/plain", text: $text }) { document { id } } }',
    { text: 'One sentence of a text that is rather long, as books are. '.repeat(count * 300) },
  );
  for (const index of numbers.slice(0, 10)) {
    const { createAgent } = (await run(
      'mutation($name: String!) { createAgent(input: { name: $name, instructions: "Answer.", model: "none" }) { agent { id } } }',
      { name: `agent-${index}` },
    )) as { createAgent: { agent: { id: string } } };
    const agentId = createAgent.agent.id;
    await run('mutation($agentId: ID!, $key: String!) { rememberFact(input: { agentId: $agentId, key: $key, value: "known" }) { fact { id } } }', { agentId, key: `fact-${index}` }); // prettier-ignore
    const { startRun } = (await run(
      'mutation($agentId: ID!) { startRun(input: { agentId: $agentId, input: { question: "why" } }) { run { id } } }',
      { agentId },
    )) as { startRun: { run: { id: string } } };
    await run(
      'mutation($runId: ID!, $events: [RunEventInput!]!) { appendRunEvents(input: { runId: $runId, events: $events }) { run { id } } }',
      {
        runId: startRun.run.id,
        events: numbers.map((value) => ({ type: 'CUSTOM', payload: { name: 'mark', value } })),
      },
    );
  }
  await run('{ entities(first: 50) { edges { node { id } } } }');
  return [...new Set(ids)];
}
