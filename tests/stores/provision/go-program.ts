import { join } from 'node:path';

import { missingPrograms, runClient } from './clients.ts';
import { NotProvisioned } from './store.ts';
import { cached, isCached, type Workplace } from './workplace.ts';

/** A program that `go install` builds. */
export interface GoProgram {
  readonly module: string;
  readonly version: string;
  /** The program's package, relative to the module. */
  readonly package: string;
  /** What `go install` names it. */
  readonly program: string;
  /** The module's checksum, as go.sum files write it. */
  readonly sum: string;
}

const folderOf = (name: string, { version, sum }: GoProgram): string =>
  `${name}-${version}-${process.platform}-${process.arch}-${Buffer.from(sum).toString('hex').slice(6, 22)}`;

/** Why this program cannot be built here; undefined when it can, or has been. */
export async function goProgramUnavailable(
  workplace: Workplace,
  name: string,
  program: GoProgram,
): Promise<string | undefined> {
  return (await isCached(workplace, folderOf(name, program))) ? undefined : await missingPrograms('go');
}

/** Builds a program, once. Its modules are downloaded to Go's own cache, and checked against Go's checksum database. */
export async function goProgram(workplace: Workplace, name: string, program: GoProgram): Promise<string> {
  const folder = await cached(workplace, folderOf(name, program), async (folder) => {
    const wanted = `${program.module}@${program.version}`;
    workplace.say(`${name}: go install ${program.module}/${program.package}@${program.version} …`);
    const options = { cwd: folder, env: { GOBIN: folder, GOWORK: 'off', GO111MODULE: 'on' } };
    await runClient('go', ['install', `${program.module}/${program.package}@${program.version}`], options);
    const built = await runClient('go', ['version', '-m', join(folder, program.program)], options);
    const found = built.map((line) => line.trim().split(/\s+/)).find(([kind]) => kind === 'mod');
    if (found?.[1] !== program.module || found[2] !== program.version || found[3] !== program.sum) {
      throw new NotProvisioned(`${wanted} was to be ${program.sum}; Go delivered ${found?.slice(1).join(' ')}.`);
    }
  });
  return join(folder, program.program);
}
