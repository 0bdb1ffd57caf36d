/**
 * `npm run image [-- --embedded] [--out <folder>]`: an OCI image of the product for this machine's processor, without a
 * daemon and without Docker (docs/production.md). `--rootfs <folder>` makes its files alone, as ops/docker/Dockerfile does.
 *
 * Exit codes: 0 made, 1 it could not be, 2 wrong usage.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { revision, sourceTime } from './build/sources.ts';
import { makeLayout } from './image/layout.ts';
import { makeRootfs } from './image/rootfs.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = `Usage: npm run image [-- [--embedded] [--out <folder>] | -- [--embedded] --rootfs <folder>]

  --embedded  with the embedded PostgreSQL, and the shell that watches over it; without, DATABASE_URL must be set
  --out       gets the image, as an OCI layout (tributary), and its bill of materials (dist-image)
  --rootfs    makes only the files: two folders, base and product, each to be laid over /`;

const ROOT = fileURLToPath(new URL('../', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      embedded: { type: 'boolean', default: false },
      out: { type: 'string', default: 'dist-image' },
      rootfs: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return tellUsage(USAGE, true);
  if (process.platform !== 'linux')
    throw new Error('An image holds programs for Linux; make it on Linux, or with ops/docker/Dockerfile.');
  const { embedded } = values;
  const epoch = await sourceTime(ROOT);
  if (values.rootfs !== undefined) {
    await makeRootfs({ root: ROOT, out: resolve(values.rootfs), embedded, epoch });
    return 0;
  }
  const out = resolve(values.out);
  const rootfs = await mkdtemp(join(tmpdir(), 'tributary-image-'));
  try {
    const bill = await makeRootfs({ root: ROOT, out: rootfs, embedded, epoch });
    const { version, license } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Record<
      string,
      string
    >;
    const commit = await revision(ROOT);
    const tag = embedded ? `${version}-embedded` : version!;
    await mkdir(out, { recursive: true });
    await writeFile(join(out, 'sbom.cdx.json'), bill);
    await makeLayout({
      layout: join(out, 'tributary'),
      tag,
      layers: [join(rootfs, 'base'), join(rootfs, 'product')],
      labels: {
        'org.opencontainers.image.title': 'Tributary',
        'org.opencontainers.image.version': version!,
        'org.opencontainers.image.licenses': license!,
        ...(commit === undefined ? {} : { 'org.opencontainers.image.revision': commit }),
      },
      epoch,
    });
    console.log(`Made ${join(values.out, 'tributary')}:${tag} and ${join(values.out, 'sbom.cdx.json')}.`);
    return 0;
  } finally {
    await rm(rootfs, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
