import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { runClient } from './clients.ts';
import { NotProvisioned } from './store.ts';
import type { Workplace } from './workplace.ts';

/**
 * Unpacks packages of the machine's own Debian and the libraries that they need, as any user: apt is given lists and a cache of its own.
 * Nothing is installed, so no service is started at its usual port.
 */
export async function unpackDebian(workplace: Workplace, folder: string, packages: readonly string[]): Promise<void> {
  const { cwd, settings: own } = await aptFor(workplace, packages);
  const settings = [...own, '-o', 'Dir::State::status=/var/lib/dpkg/status'];
  await runClient('apt-get', [...settings, 'update', '-qq'], { cwd });
  const depends = await runClient('apt-cache', [...settings, 'depends', ...packages], { cwd });
  // The C library must be the machine's own.
  const libraries = depends
    .map((line) => /^\s*\|?Depends: (lib\S+)/.exec(line)?.[1])
    .filter((name) => name && name !== 'libc6') as string[];
  await runClient('apt-get', [...settings, 'download', ...packages, ...new Set(libraries)], { cwd });
  for (const name of await readdir(cwd)) await runClient('dpkg-deb', ['-x', name, folder], { cwd });
}

/**
 * Unpacks packages of Debian's unstable suite, from the mirror that the machine has its own Debian from, with all that they need, the
 * C library included: they are started by the loader that is unpacked beside them (`unpackedProgram`), and the machine's own Debian
 * may be of any age.
 *
 * @throws NotProvisioned where the machine is of no Debian
 */
export async function unpackUnstable(workplace: Workplace, folder: string, packages: readonly string[]): Promise<void> {
  const cache = ['indextargets', '--format', '$(REPO_URI) $(ORIGIN) $(LABEL)', 'Identifier: Packages'];
  const mirror = (await runClient('apt-get', cache, { cwd: folder }))
    .map((line) => / Debian Debian$/.test(line) && line.split(' ')[0])
    .find(Boolean);
  if (!mirror) throw new NotProvisioned('No mirror of Debian is among the sources of apt.');
  const { cwd, home, settings } = await aptFor(workplace, packages);
  await writeFile(join(home, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} unstable main\n`);
  // As if nothing were installed, so that nothing of the machine's is counted on.
  await writeFile(join(home, 'status'), '');
  const places = [
    `Dir::Etc::sourcelist=${home}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::status=${home}/status`,
  ];
  const all = [...settings, ...places.flatMap((option) => ['-o', option])];
  await runClient('apt-get', [...all, 'update', '-qq'], { cwd });
  const install = ['install', '--no-install-recommends', '--print-uris', '-qq', '-y', ...packages];
  const needed = (await runClient('apt-get', [...all, ...install], { cwd })).flatMap(
    (line) => /^'[^']+' ([a-z0-9][a-z0-9+.-]+)_/.exec(line)?.[1] ?? [],
  );
  await runClient('apt-get', [...all, 'download', ...needed], { cwd });
  for (const name of await readdir(cwd)) await runClient('dpkg-deb', ['-x', name, folder], { cwd });
}

/**
 * How a program that `unpackUnstable` unpacked is started: by its own loader, with its own libraries and
 * those of `folders` among them.
 */
export async function unpackedProgram(
  folder: string,
  program: string,
  folders: readonly string[] = [],
): Promise<{ readonly command: string; readonly args: readonly string[]; readonly libraries: string }> {
  const found = await readdir(folder, { recursive: true });
  // Beside the C library, not where it is linked to for programs that are installed.
  const base = found.find((path) => path.endsWith('/libc.so.6'));
  const loader = found.find((path) => base !== undefined && dirname(path) === dirname(base) && LOADER.test(path));
  if (loader === undefined) throw new NotProvisioned(`${folder} has no loader.`);
  const libraries = join(folder, dirname(loader));
  const paths = [libraries, ...folders.map((name) => join(libraries, name))].join(':');
  return { command: join(folder, loader), args: ['--library-path', paths, join(folder, program)], libraries };
}

const LOADER = /\/ld-linux-[^/]+\.so\.\d$/;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Folders of one apt, and what it is told to keep to them. */
async function aptFor(
  workplace: Workplace,
  packages: readonly string[],
): Promise<{ readonly cwd: string; readonly home: string; readonly settings: readonly string[] }> {
  workplace.say(`apt-get download ${packages.join(' ')} …`);
  const home = join(workplace.data, 'apt', packages[0]!);
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'packages'])
    await mkdir(join(home, name), { recursive: true });
  const own = [`Dir::State=${home}/state`, `Dir::Cache=${home}/cache`, 'Debug::NoLocking=1', 'APT::Sandbox::User='];
  const settings = own.flatMap((option) => ['-o', option]);
  return { cwd: join(home, 'packages'), home, settings };
}

/** The environment in which programs find the libraries that were unpacked beside them. */
export async function librariesOf(folder: string): Promise<Record<string, string>> {
  const libraries = (await readdir(folder, { recursive: true })).filter((path) => /\.so(\.|$)/.test(path));
  const folders = new Set(libraries.map((path) => dirname(join(folder, path))));
  return { LD_LIBRARY_PATH: [...folders].join(':') };
}
