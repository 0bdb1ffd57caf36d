/** The packages that were bundled, and their licences: they ask to go with what is made of them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Where it is in the project. */
  readonly folder: string;
}

/** Every package that the bundles have code of. */
export async function packagesOf(root: string, { outputs }: Metafile): Promise<BundledPackage[]> {
  const folders = new Set<string>();
  for (const { inputs } of Object.values(outputs))
    for (const path of Object.keys(inputs)) {
      const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (folder !== undefined) folders.add(join(root, folder));
    }
  return await Promise.all([...folders].sort().map((folder) => readPackage(folder)));
}

/** What a package says of itself. */
export async function readPackage(folder: string): Promise<BundledPackage> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: unknown;
  };
  return { name, version, licence: typeof license === 'string' ? license : 'see its text', folder };
}

/** One text with the licences of all. */
export async function licencesOf(packages: readonly BundledPackage[]): Promise<string> {
  const parts = await Promise.all(packages.map(licenceOf));
  return `Tributary is under the licence in LICENSE. Its bundles contain code of these packages.\n\n${parts.join('\n\n')}`;
}

async function licenceOf({ name, version, licence, folder }: BundledPackage): Promise<string> {
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8').catch(() => '')));
  const rule = '-'.repeat(80);
  return `${rule}\n${name} ${version} (${licence})\n${rule}\n${texts.join('\n').trim()}`;
}
