/** Containers of an unpacked image, run by runc as orchestrators do, with this machine's loopback in the place of a network of their own. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startProgram, type Program } from '#tests/ops/program.ts';

const run = promisify(execFile);

interface RuntimeConfig {
  process: {
    terminal: boolean;
    args: string[];
    env: string[];
    user: { uid: number; gid: number };
    capabilities: Record<string, string[]>;
    noNewPrivileges: boolean;
  };
  root: { path: string; readonly?: boolean };
  mounts: { destination: string; type: string; source: string; options: string[] }[];
  linux: { namespaces: { type: string }[]; resources?: unknown };
}

export interface ContainerOptions {
  env: Readonly<Record<string, string>>;
  /** The folder of this machine that is its data. */
  data: string;
  /** A folder of this machine that it may read, at /notes. */
  notes?: string;
  /** Arguments behind the entry point. */
  args?: readonly string[];
}

export interface Container extends AsyncDisposable {
  readonly program: Program;
  /** Runs one of the product's commands in it. */
  exec(...args: string[]): Promise<{ code: number | null; output: string }>;
  signal(name: 'TERM' | 'KILL'): Promise<void>;
}

export class UnpackedImage {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async unpack(image: string, folder: string): Promise<UnpackedImage> {
    await run('umoci', ['unpack', '--image', image, folder]);
    return new UnpackedImage(folder);
  }

  /** Its files. */
  get rootfs(): string {
    return join(this.#folder, 'rootfs');
  }

  /** What umoci says a runtime is to do, by the image's own settings. */
  async config(): Promise<RuntimeConfig> {
    return JSON.parse(await readFile(join(this.#folder, 'config.json'), 'utf8')) as RuntimeConfig;
  }

  async start({ env, data, notes, args = [] }: ContainerOptions): Promise<Container> {
    const id = `tributary-test-${randomBytes(6).toString('hex')}`;
    const config = await this.config();
    const { process: program, linux } = config;
    program.terminal = false;
    program.args = [...program.args, ...args];
    program.env = [...program.env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
    for (const kind of Object.keys(program.capabilities)) program.capabilities[kind] = [];
    config.root = { path: this.rootfs, readonly: true };
    linux.namespaces = linux.namespaces.filter(({ type }) => type !== 'network');
    delete linux.resources;
    const bind = (source: string, destination: string, mode: 'rw' | 'ro') => ({
      destination,
      type: 'bind',
      source,
      options: ['bind', mode, 'nosuid', 'nodev', 'noexec'],
    });
    await mkdir(data, { recursive: true });
    await chown(data, program.user.uid, program.user.gid);
    const volume = '/var/lib/tributary';
    config.mounts = [
      ...config.mounts.filter(({ destination }) => !destination.startsWith('/sys') && destination !== volume),
      bind(data, volume, 'rw'),
      ...(notes === undefined ? [] : [bind(notes, '/notes', 'ro')]),
    ];
    const bundle = join(this.#folder, id);
    await mkdir(bundle);
    await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
    const running = startProgram('runc', ['run', '--bundle', bundle, id]);
    return {
      program: running,
      exec: async (...command) => {
        using other = startProgram('runc', ['exec', id, '/usr/bin/node', ...command]);
        return { code: await other.exited(), output: other.output };
      },
      signal: async (name) => void (await run('runc', ['kill', id, name])),
      [Symbol.asyncDispose]: async () => {
        await run('runc', ['delete', '--force', id]).catch(() => undefined);
        await running.exited();
      },
    };
  }
}
