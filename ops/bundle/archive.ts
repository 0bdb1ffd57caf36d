/** One archive that has all that a machine without any network needs: Node, the product, the documentation, files for deployments. */
import { createPublicKey, sign } from 'node:crypto';
import { chmod, cp, lutimes, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildProduct } from '#ops/build/bundle.ts';
import { revision, sourceTime } from '#ops/build/sources.ts';
import { sumOf } from '#ops/serve/file-sum.ts';
import { ed25519Key } from '#ops/serve/private-key.ts';

const run = promisify(execFile);
const OWN = fileURLToPath(new URL('./', import.meta.url));

/** What goes along as it is. */
const BESIDE = [
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
  'SECURITY.md',
  'docs',
  'ops/compose',
  'ops/edge',
  'ops/kubernetes',
  'ops/observability',
] as const;

export interface BundleOptions {
  /** The project's folder, with its packages installed. */
  readonly root: string;
  /** Gets the archive and what is beside it. */
  readonly out: string;
  /** A folder for the files while they are gathered; replaced. */
  readonly work: string;
  /** A private key of Ed25519, as PEM text; without one nothing is signed. */
  readonly key: string | undefined;
}

/**
 * Makes `tributary-<version>-<commit>-<platform>-<processor>.tar.gz`, its SHA-256 in the form of `sha256sum`, and that file's signature.
 * @returns the files that were made
 * @throws TypeError where the key is none of Ed25519
 */
export async function makeBundle({ root, out, work, key: pem }: BundleOptions): Promise<string[]> {
  const key = pem === undefined ? undefined : ed25519Key(pem, 'The key');
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const commit = (await revision(root))?.slice(0, 12) ?? 'unknown';
  const release = `tributary-${version}-${commit}-${process.platform}-${process.arch}`;
  const folder = join(work, release);
  await rm(work, { recursive: true, force: true });
  await mkdir(join(folder, 'bin'), { recursive: true });
  await buildProduct(root, join(folder, 'product'));
  await cp(process.execPath, join(folder, 'bin/node'), { dereference: true });
  for (const path of BESIDE) await cp(join(root, path), join(folder, path), { recursive: true });
  await cp(join(OWN, 'tributary.sh'), join(folder, 'tributary'));
  await cp(join(OWN, 'install.sh'), join(folder, 'install.sh'));
  await writeFile(join(folder, 'RELEASE'), `${release}\n`);
  for (const program of ['tributary', 'bin/node']) await chmod(join(folder, program), 0o755);
  await writeFile(join(folder, 'SHA256SUMS'), await sumsOf(folder));
  await settle(folder, await sourceTime(root));

  await mkdir(out, { recursive: true });
  const archive = join(out, `${release}.tar.gz`);
  // Sorted, and whosever it is: the same sources make the same archive.
  await run('tar', ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '-C', work, '-czf', archive, release], {
    env: { ...process.env, GZIP: '-n' },
  });
  await rm(work, { recursive: true, force: true });
  const sum = `${archive}.sha256`;
  await writeFile(sum, `${(await sumOf(archive)).sha256}  ${basename(archive)}\n`);
  if (key === undefined) return [archive, sum];
  const signature = `${sum}.sig`;
  await writeFile(signature, sign(null, await readFile(sum), key));
  const publicKey = join(out, 'tributary.pub.pem');
  await writeFile(publicKey, createPublicKey(key).export({ format: 'pem', type: 'spki' }));
  return [archive, sum, signature, publicKey];
}

/** Every file with its SHA-256, as `sha256sum --check` reads it. */
async function sumsOf(folder: string): Promise<string> {
  const lines: string[] = [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) lines.push(`${(await sumOf(file)).sha256}  ${relative(folder, file)}`);
  return `${lines.join('\n')}\n`;
}

/** All of one time. */
async function settle(folder: string, epoch: number): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await lutimes(join(entry.parentPath, entry.name), epoch, epoch);
  await lutimes(folder, epoch, epoch);
  await lutimes(dirname(folder), epoch, epoch);
}
