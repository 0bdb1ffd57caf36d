/** An image in OCI's layout, a folder that any registry client can send, made by umoci: no daemon, and no rights but one's own. */
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { DATA, ENVIRONMENT, NODE, PORT, PRODUCT, USER } from './settings.ts';

const run = promisify(execFile);

export interface LayoutOptions {
  /** The folder of the layout; replaced. */
  layout: string;
  tag: string;
  /** Folders that are laid over `/`, each a layer; what changes least comes first. */
  layers: readonly string[];
  labels: Readonly<Record<string, string>>;
  /** When it was made, in seconds. */
  epoch: number;
}

export async function makeLayout({ layout, tag, layers, labels, epoch }: LayoutOptions): Promise<void> {
  await rm(layout, { recursive: true, force: true });
  await mkdir(dirname(layout), { recursive: true });
  const image = `${layout}:${tag}`;
  const created = new Date(epoch * 1000).toISOString();
  await umoci('init', '--layout', layout);
  await umoci('new', '--image', image);
  const rootless = process.getuid?.() === 0 ? [] : ['--rootless'];
  for (const layer of layers)
    await umoci('insert', ...rootless, '--image', image, '--history.created', created, layer, '/');
  await umoci(
    'config',
    ...['--image', image, '--history.created', created, '--created', created],
    ...['--os', 'linux', '--architecture', process.arch === 'x64' ? 'amd64' : process.arch],
    ...['--config.user', `${USER}:${USER}`, '--config.workingdir', DATA, '--config.volume', DATA],
    ...['--config.exposedports', `${PORT}/tcp`, '--config.stopsignal', 'SIGTERM'],
    ...ENTRYPOINT.flatMap((each) => ['--config.entrypoint', each]),
    ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['--config.env', `${name}=${value}`]),
    ...Object.entries(labels).flatMap(([name, value]) => ['--config.label', `${name}=${value}`]),
  );
  await umoci('gc', '--layout', layout);
}

/** The flags of `npm start`. */
export const ENTRYPOINT = [NODE, '--max-semi-space-size=64', `${PRODUCT}/serve.mjs`];

async function umoci(...args: string[]): Promise<void> {
  try {
    await run('umoci', args);
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT')
      throw new Error(
        'This needs umoci (Debian and Ubuntu: apt-get install umoci). With Docker, take ops/docker/Dockerfile.',
        {
          cause: error,
        },
      );
    throw new Error(`umoci ${args[0]}: ${stderr?.trim() || message}`, { cause: error });
  }
}
