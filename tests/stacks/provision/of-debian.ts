/** Programs of Debian's that suites start, without installing them. */
import { join } from 'node:path';

import { findProgram, missingPrograms, runClient } from '#tests/stores/provision/clients.ts';
import { librariesOf, unpackDebian } from '#tests/stores/provision/debian.ts';
import { NotProvisioned, type Store } from '#tests/stores/provision/store.ts';
import { cached, isCached, type Workplace } from '#tests/stores/provision/workplace.ts';

/** A program, and what its environment must have; suites read it from a variable, as JSON. */
export interface StackProgram {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

export const given = (variable: string, program: StackProgram) => ({
  env: { [variable]: JSON.stringify(program) },
  close: () => Promise.resolve(),
});

interface OfDebian {
  readonly name: string;
  readonly title: string;
  /** The oldest that what it is tried for works with. */
  readonly oldest: string;
  /** Prints the version. */
  readonly ask: string;
  readonly packages: readonly string[];
  /** Where Debian has it. @default `usr/sbin` */
  readonly folder?: string;
  readonly suites: readonly string[];
}

/** A program that suites start: the one on the PATH, else Debian's, unpacked into the cache. */
export const ofDebian = ({
  name,
  title,
  oldest,
  ask,
  packages,
  suites,
  folder: within = 'usr/sbin',
}: OfDebian): Store => {
  const folderName = `${name}-debian-${process.arch}`;
  const locate = async (workplace: Workplace): Promise<StackProgram> => {
    const installed = await findProgram(name);
    if (installed) return { command: installed, env: {} };
    const folder = await cached(workplace, folderName, (made) => unpackDebian(workplace, made, packages));
    return { command: join(folder, within, name), env: await librariesOf(folder) };
  };
  return {
    name,
    title: `${title} ${oldest} or newer`,
    suites,
    available: async (workplace) => {
      if ((await findProgram(name)) || (await isCached(workplace, folderName))) return undefined;
      const missing = await missingPrograms('apt-get', 'apt-cache', 'dpkg-deb');
      return missing && `${name} must be on the PATH (or Debian's ${missing})`;
    },
    start: async (workplace) => {
      const program = await locate(workplace);
      const told = (await runClient(program.command, [ask], { cwd: workplace.data, env: program.env })).join(' ');
      const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(told)?.map(Number) ?? [];
      const [wanted = 0, least = 0] = oldest.split('.').map(Number);
      if (major < wanted || (major === wanted && minor < least))
        throw new NotProvisioned(`${program.command} is "${told}"; ${title} ${oldest} or newer is needed.`);
      return given(`TEST_${name.toUpperCase()}`, program);
    },
  };
};
