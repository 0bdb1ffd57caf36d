/** The bill of materials, in CycloneDX's format: of what npm knows what is here, and what of the system goes with it. */
import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface Component {
  readonly type: 'application' | 'library';
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly 'bom-ref'?: string;
}

interface Bill {
  serialNumber?: string;
  readonly metadata: { timestamp: string; readonly component: { name: string } };
  components: Component[];
  dependencies: { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

export interface BillOptions {
  /** The project's folder. */
  root: string;
  /** The packages whose code is there. */
  packages: readonly { readonly name: string; readonly version: string }[];
  /** Programs and libraries of this machine that are there. */
  files: readonly string[];
  /** When it was made, in seconds. */
  epoch: number;
}

/** @throws Error where a package is there that npm's own list lacks */
export async function billOfMaterials({ root, packages, files, epoch }: BillOptions): Promise<string> {
  // With `--omit dev` npm leaves out whatever a development package needs too: the list is cut to what is there here.
  const { stdout } = await run('npm', ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  const bill = JSON.parse(stdout) as Bill;
  const wanted = new Set(packages.map(({ name, version }) => `${name}@${version}`));
  bill.components = bill.components.filter(({ name, version }) => wanted.delete(`${name}@${version}`));
  if (wanted.size > 0) throw new Error(`npm's bill of materials lacks ${[...wanted].join(', ')}.`);
  const kept = new Set(bill.components.map((component) => component['bom-ref']));
  bill.dependencies = bill.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((each) => kept.has(each)) }));
  // npm calls it as its folder, and numbers every copy: the same image has the same bill.
  bill.metadata.component.name = 'tributary';
  bill.metadata.timestamp = new Date(epoch * 1000).toISOString();
  delete bill.serialNumber;
  const node = process.versions.node;
  bill.components.push({ type: 'application', name: 'node', version: node, purl: `pkg:generic/node@${node}` });
  bill.components.push(...(await debianPackages(files)));
  return `${JSON.stringify(bill, null, 2)}\n`;
}

/** The packages of Debian that files come from; none elsewhere, where the libraries are not told of. */
async function debianPackages(files: readonly string[]): Promise<Component[]> {
  const packages = new Map<string, Component>();
  for (const file of files) {
    // Debian knows libraries below /lib or below /usr/lib, by when they were packaged.
    const names = new Set([file, await realpath(file)]);
    for (const name of [...names]) names.add(name.startsWith('/usr/') ? name.slice('/usr'.length) : `/usr${name}`);
    for (const name of names) {
      const owner = (await output('dpkg-query', ['-S', name]))?.split(':')[0];
      if (owner === undefined) continue;
      const version = (await output('dpkg-query', ['-s', owner]))?.match(/^Version: (.+)$/m)?.[1];
      if (version === undefined || owner === 'nodejs') break;
      const purl = `pkg:deb/debian/${owner}@${encodeURIComponent(version)}`;
      packages.set(owner, { type: 'library', name: owner, version, purl });
      break;
    }
  }
  return [...packages.values()];
}

const output = (command: string, args: string[]): Promise<string | undefined> =>
  run(command, args).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
