import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runClient } from './clients.ts';
import { OLLAMA_MODEL } from './ollama.ts';
import { startServer, type Server } from './server.ts';
import { LITELLM } from './versions.ts';
import { cached, type Workplace } from './workplace.ts';

const REQUIREMENTS = fileURLToPath(new URL('./litellm.txt', import.meta.url));

/** LiteLLM's proxy without a database, before an Ollama and a chat model that it makes up itself. */
export async function startLiteLlm(workplace: Workplace, ollama: Server): Promise<Server & { key: string }> {
  const requirements = await readFile(REQUIREMENTS);
  const digest = createHash('sha256').update(requirements).digest('hex').slice(0, 16);
  const folder = await cached(workplace, `litellm-${LITELLM.version}-${process.arch}-${digest}`, async (folder) => {
    workplace.say(`litellm: pip install litellm[proxy] ${LITELLM.version} (500 MB unpacked) …`);
    const target = ['--target', join(folder, 'packages'), '--only-binary=:all:', '--no-deps', '--quiet'];
    await runClient('python3', ['-m', 'pip', 'install', ...target, '-r', REQUIREMENTS], { cwd: folder });
  });
  const home = join(workplace.data, 'litellm');
  await mkdir(home);
  const key = `sk-${randomBytes(16).toString('hex')}`;
  const base = `http://127.0.0.1:${ollama.port}`;
  const model = (model_name: string, litellm_params: object, model_info?: object) => ({
    model_name,
    litellm_params,
    ...(model_info && { model_info }),
  });
  // YAML takes JSON.
  const config = {
    model_list: [
      model('mocked-chat', { model: 'openai/gpt-4o-mini', api_key: 'none', mock_response: 'A mocked answer.' }),
      model(
        OLLAMA_MODEL,
        { model: `openai/${OLLAMA_MODEL}`, api_base: `${base}/v1`, api_key: 'none' },
        { mode: 'embedding', max_input_tokens: 512, output_vector_size: 384 },
      ),
    ],
    general_settings: { master_key: key },
  };
  await writeFile(join(home, 'config.yaml'), JSON.stringify(config));
  const server = await startServer({
    command: 'python3',
    args: (port) => [
      ...['-c', 'from litellm import run_server; run_server()', '--config', join(home, 'config.yaml')],
      ...['--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False'],
    ],
    cwd: home,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      PYTHONPATH: join(folder, 'packages'),
      // Else it fetches a list of prices.
      LITELLM_LOCAL_MODEL_COST_MAP: 'True',
      DISABLE_ADMIN_UI: 'True',
      NO_DOCS: 'True',
    },
    ready: /Uvicorn running on/,
  });
  return { ...server, key };
}
