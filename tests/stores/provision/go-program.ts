import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { missingPrograms, runClient } from './clients.ts';
import { NotProvisioned } from './store.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

/** A program that `go install` builds. */
export interface GoProgram {
  readonly module: string;
  readonly version: string;
  /** The program's package, relative to the module; empty where it is the module itself. */
  readonly package: string;
  /** What `go install` names it. */
  readonly program: string;
  /** The module's checksum, as go.sum files write it. */
  readonly sum: string;
  /** Files that the module lacks, and what they hold: it is built from a copy that has them. */
  readonly adds?: Readonly<Record<string, string>>;
  /** Of its parts that can be left out, those that are. */
  readonly tags?: string;
}

const folderOf = (name: string, { version, sum }: GoProgram): string =>
  `${name}-${version}-${process.platform}-${process.arch}-${Buffer.from(sum).toString('hex').slice(6, 22)}`;

const packageOf = ({ module, package: path }: GoProgram): string => (path === '' ? module : `${module}/${path}`);

/** Why this program cannot be built here; undefined when it can, or has been. */
export async function goProgramUnavailable(
  workplace: Workplace,
  name: string,
  program: GoProgram,
): Promise<string | undefined> {
  return (await isCached(workplace, folderOf(name, program))) ? undefined : await missingPrograms('go');
}

/**
 * Builds a program, once. Its modules are downloaded to Go's own cache, and checked against Go's checksum database.
 * @param env for the compilers that Go calls
 */
export async function goProgram(
  workplace: Workplace,
  name: string,
  program: GoProgram,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const folder = await cached(workplace, folderOf(name, program), async (folder) => {
    const wanted = `${program.module}@${program.version}`;
    const how = program.adds === undefined ? 'install' : 'build';
    workplace.say(`${name}: go ${how} ${packageOf(program)}@${program.version} …`);
    const options = { cwd: folder, env: { GOBIN: folder, GOWORK: 'off', GO111MODULE: 'on', ...env } };
    const found = await (program.adds === undefined ? installed : builtWithMore)(folder, program, options);
    if (found !== program.sum)
      throw new NotProvisioned(`${wanted} was to be ${program.sum}; Go delivered ${String(found)}.`);
  });
  return join(folder, program.program);
}

type Options = Parameters<typeof runClient>[2];

/** @returns the checksum of what was delivered */
async function installed(folder: string, program: GoProgram, options: Options): Promise<string | undefined> {
  await runClient('go', ['install', `${packageOf(program)}@${program.version}`], options);
  const built = await runClient('go', ['version', '-m', join(folder, program.program)], options);
  const [, module, version, sum] = built.map((line) => line.trim().split(/\s+/)).find(([kind]) => kind === 'mod') ?? [];
  return module === program.module && version === program.version ? sum : `${module} ${version} ${sum}`;
}

/** Likewise; the checksum is the download's. */
async function builtWithMore(folder: string, program: GoProgram, options: Options): Promise<string | undefined> {
  const { module, version, adds = {}, tags = '' } = program;
  const told = await runClient('go', ['mod', 'download', '-json', `${module}@${version}`], options);
  const { Dir, Sum } = JSON.parse(told.slice(told.indexOf('{')).join('\n')) as { Dir: string; Sum: string };
  const source = join(folder, 'source');
  await cp(Dir, source, { recursive: true });
  try {
    // Go's cache may not be written to, and neither may copies of it.
    await runClient('chmod', ['-R', 'u+w', source], options);
    for (const [path, content] of Object.entries(adds)) {
      await mkdir(dirname(join(source, path)), { recursive: true });
      await writeFile(join(source, path), content);
    }
    const output = join(folder, program.program);
    await runClient('go', ['build', '-buildvcs=false', '-tags', tags, '-o', output, `./${program.package}`], {
      ...options,
      cwd: source,
    });
  } finally {
    await rm(source, { recursive: true, force: true });
  }
  return Sum;
}
