import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findProgram, missingPrograms, runClient } from './clients.ts';
import { unpackedProgram, unpackUnstable } from './debian.ts';
import { miniLm } from './minilm.ts';
import { startServer, type Server } from './server.ts';
import type { Store } from './store.ts';
import { GGUF } from './versions.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

const WRITER = fileURLToPath(new URL('./llamacpp-weights.py', import.meta.url));
const folderName = `llamacpp-debian-unstable-${process.arch}`;

/** Three real `llama-server`, since each serves one model: one that chats, one that embeds, one that ranks. */
export const llamacpp: Store = {
  name: 'llamacpp',
  title: "llama.cpp's server with a chat model of one sentence, all-MiniLM-L6-v2, and an untrained ranker",
  slow: true,
  suites: ['tests/stores/llamacpp.test.ts'],
  limits: [
    { test: 'embed in order, normalised, in several batches', why: 'each serves one model' },
    { test: 'generate, with usage', why: 'likewise' },
    { test: 'stream, with one reason', why: 'likewise' },
  ],
  available: async (workplace) => {
    const has = (await findProgram('llama-server')) || (await isCached(workplace, folderName));
    return await missingPrograms('python3', ...(has ? [] : ['apt-get', 'dpkg-deb']));
  },
  start: async (workplace) => {
    const program = await locate(workplace);
    const weights = await writeWeights(workplace);
    const key = randomBytes(16).toString('hex');
    const started: Server[] = [];
    const close = async (): Promise<void> => {
      for (const server of started) await server.close();
    };
    const start = async (name: string, args: readonly string[]): Promise<string> => {
      const home = join(workplace.data, `llamacpp-${name}`);
      await mkdir(home);
      const server = await startServer({
        command: program.command,
        args: (port) => [
          ...program.args,
          ...['--model', join(weights, `${name}.gguf`), '--host', '127.0.0.1', '--port', String(port)],
          ...['--threads', '2', '--parallel', '2', ...args],
        ],
        cwd: home,
        env: { HOME: home, LLAMA_API_KEY: key, ...program.env },
        ready: /listening on/,
      });
      started.push(server);
      return `http://127.0.0.1:${server.port}/v1`;
    };
    try {
      return {
        env: {
          TEST_LLAMACPP_CHAT_URL: await start('chat', ['--ctx-size', '16384', '--jinja']),
          TEST_LLAMACPP_EMBEDDING_URL: await start('embedding', ['--embeddings']),
          TEST_LLAMACPP_RERANK_URL: await start('rerank', ['--reranking']),
          TEST_LLAMACPP_API_KEY: key,
        },
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  },
};

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function locate(workplace: Workplace): Promise<Program> {
  const installed = await findProgram('llama-server');
  if (installed) return { command: installed, args: [], env: {} };
  const folder = await cached(workplace, folderName, (made) => unpackUnstable(workplace, made, ['llama.cpp-tools']));
  const program = await unpackedProgram(folder, 'usr/bin/llama-server', ['llama']);
  // It looks for them where they would be installed.
  const backends = join(program.libraries, 'ggml/backends0');
  return { ...program, env: { GGML_BACKEND_PATH: join(backends, BACKEND) } };
}

/** The one that runs on every processor of its kind. */
const BACKEND = process.arch === 'arm64' ? 'libggml-cpu-armv8.0_1.so' : 'libggml-cpu-x64.so';

async function writeWeights(workplace: Workplace): Promise<string> {
  const minilm = await miniLm(workplace);
  const digest = createHash('sha256')
    .update(await readFile(WRITER))
    .digest('hex')
    .slice(0, 16);
  return await cached(workplace, `llamacpp-weights-${GGUF.version}-${digest}`, async (folder) => {
    workplace.say(`pip install gguf ${GGUF.version} (numpy besides, 80 MB unpacked) …`);
    const packages = join(workplace.data, 'gguf');
    const target = ['--target', packages, '--only-binary=:all:', '--no-deps', '--quiet'];
    await runClient('python3', ['-m', 'pip', 'install', ...target, `gguf==${GGUF.version}`, 'numpy'], { cwd: folder });
    await runClient('python3', [WRITER, minilm, folder], { cwd: folder, env: { PYTHONPATH: packages } });
    await rm(packages, { recursive: true });
  });
}
