import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { runClient } from './clients.ts';
import type { Workplace } from './workplace.ts';

/**
 * Unpacks packages of Debian and the libraries that they need, as any user: apt is given lists and a cache of its own.
 * Nothing is installed, so no service is started at its usual port.
 */
export async function unpackDebian(workplace: Workplace, folder: string, packages: readonly string[]): Promise<void> {
  workplace.say(`apt-get download ${packages.join(' ')} …`);
  const downloads = join(workplace.data, 'apt', packages[0]!);
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'packages'])
    await mkdir(join(downloads, name), { recursive: true });
  const options = [
    `Dir::State=${downloads}/state`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${downloads}/cache`,
  ];
  const settings = [...options, 'Debug::NoLocking=1', 'APT::Sandbox::User='].flatMap((option) => ['-o', option]);
  const cwd = join(downloads, 'packages');
  await runClient('apt-get', [...settings, 'update', '-qq'], { cwd });
  const depends = await runClient('apt-cache', [...settings, 'depends', ...packages], { cwd });
  // The C library must be the machine's own.
  const libraries = depends
    .map((line) => /^\s*\|?Depends: (lib\S+)/.exec(line)?.[1])
    .filter((name) => name && name !== 'libc6') as string[];
  await runClient('apt-get', [...settings, 'download', ...packages, ...new Set(libraries)], { cwd });
  for (const name of await readdir(cwd)) await runClient('dpkg-deb', ['-x', name, folder], { cwd });
}

/** The environment in which programs find the libraries that were unpacked beside them. */
export async function librariesOf(folder: string): Promise<Record<string, string>> {
  const libraries = (await readdir(folder, { recursive: true })).filter((path) => /\.so(\.|$)/.test(path));
  const folders = new Set(libraries.map((path) => dirname(join(folder, path))));
  return { LD_LIBRARY_PATH: [...folders].join(':') };
}
