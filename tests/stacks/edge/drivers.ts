/** How each proxy is started with its file of ops/edge: as it is, but for names, ports and folders. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, startServer } from '#tests/stores/provision/server.ts';

import type { StackProgram } from '../provision/of-debian.ts';

export const EDGE = fileURLToPath(new URL('../../../ops/edge/', import.meta.url));

export interface EdgePlace {
  /** Where the proxy may write, and where tls.crt and tls.key are. */
  readonly folder: string;
  /** Addresses of the gateways, such as `127.0.0.1:4000`. */
  readonly gateways: readonly string[];
  readonly authelia: string;
}

export interface RunningEdge {
  readonly port: number;
  /** What it has written of requests and of itself. */
  written(): Promise<string>;
  close(): Promise<void>;
}

export interface EdgeDriver {
  readonly title: string;
  /** The variable that names its program, as JSON. */
  readonly variable: string;
  start(program: StackProgram, place: EdgePlace): Promise<RunningEdge>;
}

type Change = readonly [from: string | RegExp, to: string];

/** A file of ops/edge in which each of these is changed, wherever it stands. A test of another file would prove nothing. */
async function adapted(file: string, changes: readonly Change[]): Promise<string> {
  let text = await readFile(join(EDGE, file), 'utf8');
  for (const [from, to] of changes) {
    const changed = text.replaceAll(typeof from === 'string' ? from : new RegExp(from, 'gm'), () => to);
    if (changed === text) throw new Error(`ops/edge/${file} has no ${String(from)}.`);
    text = changed;
  }
  return text;
}

interface Program {
  readonly program: StackProgram;
  readonly folder: string;
  readonly args: readonly string[];
  /** Writes the file that it reads, for a port that was free. */
  readonly write: (port: number) => Promise<void>;
  readonly logs?: readonly string[];
}

async function run({ program, folder, args, write, logs = [] }: Program): Promise<RunningEdge> {
  const lines: string[] = [];
  const { port, close } = await startServer({
    command: program.command,
    args: async (free) => {
      await write(free);
      return args;
    },
    cwd: folder,
    env: program.env,
    signal: 'TERM',
    onLine: (line) => lines.push(line),
  });
  const written = async (): Promise<string> =>
    [...lines, ...(await Promise.all(logs.map((log) => readFile(log, 'utf8').catch(() => ''))))].join('\n');
  return { port, close, written };
}

export const NGINX: EdgeDriver = {
  title: 'nginx',
  variable: 'TEST_NGINX',
  start: async (program, { folder, gateways, authelia }) => {
    // Where this is root, workers are somebody else.
    await chmod(folder, 0o711);
    await mkdir(join(folder, 'tmp'));
    const [config, access, errors] = ['nginx.conf', 'access.log', 'error.log'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    return await run({
      program,
      folder,
      args: ['-p', folder, '-c', config, '-e', errors, '-g', 'daemon off;'],
      logs: [access, errors],
      write: async (port) =>
        await writeFile(
          config,
          await adapted('nginx.conf', [
            ['listen 80;', `listen 127.0.0.1:${await freePort()};`],
            ['listen 443 ', `listen 127.0.0.1:${port} `],
            ['/etc/tls/', `${folder}/`],
            ['_temp_path /tmp/', `_temp_path ${folder}/tmp/`],
            ['/run/nginx.pid', join(folder, 'nginx.pid')],
            ['/dev/stdout', access],
            ['/dev/stderr', errors],
            [
              /server tributary:4000 ([^;]*);/,
              gateways.map((each) => `server ${each} max_fails=1 fail_timeout=2s;`).join('\n'),
            ],
            ['authelia:9091', authelia],
          ]),
        ),
    });
  },
};

/** @param changes besides the port without TLS and the gateways; of them the one with TLS, for the port that was free */
async function runHaproxy(
  program: StackProgram,
  { folder, gateways }: Pick<EdgePlace, 'folder' | 'gateways'>,
  changes: (port: number) => readonly Change[],
): Promise<RunningEdge> {
  const config = join(folder, 'haproxy.cfg');
  return await run({
    program,
    folder,
    args: ['-db', '-f', config],
    write: async (port) =>
      await writeFile(
        config,
        await adapted('haproxy.cfg', [
          ['bind :80', `bind 127.0.0.1:${await freePort()}`],
          ...changes(port),
          [
            /server gateway-1 tributary:4000/,
            gateways.map((each, index) => `server gateway-${index + 1} ${each}`).join('\n  '),
          ],
        ]),
      ),
  });
}

export const HAPROXY: EdgeDriver = {
  title: 'HAProxy',
  variable: 'TEST_HAPROXY',
  start: (program, { folder, gateways, authelia }) =>
    runHaproxy(program, { folder, gateways }, (port) => [
      ['bind :443 ', `bind 127.0.0.1:${port} `],
      ['/etc/tls/', `${folder}/`],
      ['/usr/local/etc/haproxy/', EDGE],
      ['authelia:9091', authelia],
    ]),
};

/** HAProxy before gateways in development mode: without TLS and Authelia, and else as it is. */
export const startPlainHaproxy = (
  program: StackProgram,
  place: Pick<EdgePlace, 'folder' | 'gateways'>,
): Promise<RunningEdge> =>
  runHaproxy(program, place, (port) => [
    ['bind :443 ssl crt /etc/tls/tls.crt alpn h2,http/1.1', `bind 127.0.0.1:${port}`],
    [/^ *lua-load .*\n/, ''],
    [/^ *http-request lua\.forward-auth .*\n/, ''],
  ]);

export const CADDY: EdgeDriver = {
  title: 'Caddy',
  variable: 'TEST_CADDY',
  start: async (program, { folder, gateways, authelia }) => {
    const config = join(folder, 'Caddyfile');
    return await run({
      program: { ...program, env: { ...program.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder } },
      folder,
      args: ['run', '--adapter', 'caddyfile', '--config', config],
      write: async (port) =>
        await writeFile(
          config,
          await adapted('Caddyfile', [
            ['\tgrace_period 10m', '\tgrace_period 10m\n\tadmin off\n\tauto_https disable_redirects'],
            [
              /^tributary\.example\.com \{/,
              `tributary.example.com:${port} {\n\tbind 127.0.0.1\n\ttls ${folder}/tls.crt ${folder}/tls.key`,
            ],
            ['reverse_proxy tributary:4000 ', `reverse_proxy ${gateways.join(' ')} `],
            ['authelia:9091', authelia],
          ]),
        ),
    });
  },
};
