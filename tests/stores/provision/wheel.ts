import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runClient } from './clients.ts';
import { NotProvisioned } from './store.ts';
import type { Workplace } from './workplace.ts';

export interface Wheel {
  readonly name: string;
  readonly version: string;
  /** The platform, as pip calls it. */
  readonly platform: string;
  readonly sha256: string;
  /** For people. */
  readonly size: string;
}

/** Unpacks a package of PyPI, without what it needs: where that is, what is tested works without it. */
export async function unpackWheel(workplace: Workplace, folder: string, wheel: Wheel): Promise<void> {
  const { name, version, platform, sha256, size } = wheel;
  workplace.say(`pip download ${name} ${version} (${size}) …`);
  const downloads = join(workplace.data, `${name}-wheel`);
  await mkdir(downloads);
  const requirements = join(downloads, 'requirements.txt');
  await writeFile(requirements, `${name}==${version} --hash=sha256:${sha256}\n`);
  await runClient(
    'python3',
    [
      ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--quiet'],
      ...['--platform', platform, '-d', downloads, '-r', requirements],
    ],
    { cwd: downloads },
  );
  const file = (await readdir(downloads)).find((each) => each.endsWith('.whl'));
  if (!file) throw new NotProvisioned('pip delivered no wheel.');
  await runClient('python3', ['-m', 'zipfile', '-e', join(downloads, file), folder], { cwd: downloads });
  await rm(downloads, { recursive: true });
}
