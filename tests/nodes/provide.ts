/** Other versions of Node, from the packages on npm that carry its binaries. */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { runClient } from '#tests/stores/provision/clients.ts';
import { cached } from '#tests/stores/provision/workplace.ts';

/** The versions that Tributary supports: those that are maintained, and the one before them. */
export const MAJORS: readonly number[] = [20, 22, 24];

/** @param version of the Node that runs, such as `22.11.0` */
export const otherMajors = (version: string): number[] =>
  MAJORS.filter((major) => major !== Number(version.split('.')[0]));

/** Which package of npm has Node's binary for a platform. Its wrapper, `node`, has an install script instead. */
export function packageOf(platform: NodeJS.Platform, arch: string): string {
  const prefix = platform === 'darwin' && arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${platform}-${arch}`;
}

/**
 * The path of a Node binary of the newest `major`, kept in `$XDG_CACHE_HOME/tributary/nodes` (`~/.cache/…`, and
 * `/var/cache/…` for root).
 *
 * @throws NotProvisioned when npm cannot install it.
 */
export async function provideNode(major: number, say: (line: string) => void): Promise<string> {
  // Suites run programs as other users too, who cannot enter root's home.
  const caches = process.getuid?.() === 0 ? '/var/cache' : join(homedir(), '.cache');
  const cache = join(process.env['XDG_CACHE_HOME'] || caches, 'tributary', 'nodes');
  await mkdir(cache, { recursive: true });
  const name = packageOf(process.platform, process.arch);
  const folder = await cached({ cache }, `${name}-${major}`, async (making) => {
    say(`Node ${major}: npm install ${name}@${major} …`);
    await runClient(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--prefix', making, `${name}@${major}`],
      { cwd: making },
    );
  });
  return join(folder, 'node_modules', name, 'bin', 'node');
}
