import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { missingPrograms, runClient } from './clients.ts';
import { unpackDebian } from './debian.ts';
import { goProgram, goProgramUnavailable } from './go-program.ts';
import { miniLm } from './minilm.ts';
import { startServer, type Server } from './server.ts';
import { NotProvisioned } from './store.ts';
import { MINIAUDIO, OLLAMA } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

/** What Ollama has the weights as. */
export const OLLAMA_MODEL = 'minilm';

const HEADERS = `ollama-headers-${MINIAUDIO.version}`;

export async function ollamaUnavailable(workplace: Workplace): Promise<string | undefined> {
  const headers = await isCached(workplace, HEADERS);
  return (
    (await goProgramUnavailable(workplace, 'ollama', OLLAMA)) ??
    (await missingPrograms('python3', ...(headers ? [] : ['c++', 'apt-get', 'apt-cache', 'dpkg-deb'])))
  );
}

/** Ollama, compiled for this machine's processor, which serves all-MiniLM-L6-v2. */
export async function startOllama(workplace: Workplace): Promise<Server> {
  const headers = await cached(workplace, HEADERS, (folder) => fetchHeaders(workplace, folder));
  const weights = await miniLm(workplace);
  const command = await goProgram(workplace, 'ollama', OLLAMA, {
    CPATH: headers,
    // Its own builds choose among libraries for several processors; one without the wider instructions takes thirteen times as long.
    CGO_CFLAGS: '-O3 -march=native',
    CGO_CXXFLAGS: '-O3 -march=native',
  });
  const home = join(workplace.data, 'ollama');
  await mkdir(home);
  const server = await startServer({
    command,
    args: () => ['serve'],
    cwd: home,
    env: (port) => ({ HOME: home, OLLAMA_HOST: `127.0.0.1:${port}`, OLLAMA_MODELS: join(home, 'models') }),
    // It has a process for each model.
    signal: 'TERM',
  });
  await createModel(`http://127.0.0.1:${server.port}`, weights);
  return server;
}

async function fetchHeaders(workplace: Workplace, folder: string): Promise<void> {
  const unpacked = join(workplace.data, 'ollama-headers');
  await mkdir(unpacked);
  await unpackDebian(workplace, unpacked, ['nlohmann-json3-dev', 'libstb-dev']);
  for (const name of ['nlohmann', 'stb'])
    await runClient('cp', ['-r', join(unpacked, 'usr/include', name), folder], { cwd: folder });
  const { module, version, sum } = MINIAUDIO;
  const told = await runClient('go', ['mod', 'download', '-json', `${module}@${version}`], {
    cwd: folder,
    env: { GOWORK: 'off', GO111MODULE: 'on' },
  });
  const { Dir, Sum } = JSON.parse(told.slice(told.indexOf('{')).join('\n')) as { Dir: string; Sum: string };
  if (Sum !== sum) throw new NotProvisioned(`${module}@${version} was to be ${sum}; Go delivered ${Sum}.`);
  await mkdir(join(folder, 'miniaudio'));
  await copyFile(join(Dir, 'miniaudio.h'), join(folder, 'miniaudio/miniaudio.h'));
}

/** Its command line leaves out files in folders, of which one says how vectors are pooled; its API does not. */
async function createModel(url: string, folder: string): Promise<void> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const blob = `${url}/api/blobs/${digest}`;
    // One that is there is not read again: the connection is cut.
    if (!(await fetch(blob, { method: 'HEAD' })).ok) await fetch(blob, { method: 'POST', body: bytes });
    files[relative(folder, path)] = digest;
  }
  const created = await fetch(`${url}/api/create`, {
    method: 'POST',
    body: JSON.stringify({ model: OLLAMA_MODEL, files, stream: false }),
  });
  const answer = await created.text();
  if (!answer.includes('"success"')) throw new Error(`Ollama did not take the weights: ${answer.slice(-500)}`);
}
