/** The licences of what was bundled: they ask to go with it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** One text with the licence of every package that the bundles have code of. */
export async function licencesOf(root: string, { outputs }: Metafile): Promise<string> {
  const folders = new Set<string>();
  for (const { inputs } of Object.values(outputs))
    for (const path of Object.keys(inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (folder !== undefined) folders.add(folder);
    }
  const parts = await Promise.all([...folders].sort().map((folder) => licenceOf(join(root, folder))));
  return `Tributary is under the licence in LICENSE. Its bundles contain code of these packages.\n\n${parts.join('\n\n')}`;
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: unknown;
  };
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8').catch(() => '')));
  const rule = '-'.repeat(80);
  return `${rule}\n${name} ${version} (${typeof license === 'string' ? license : 'see its text'})\n${rule}\n${texts.join('\n').trim()}`;
}
