import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { missingPackages } from '#ops/bootstrap/install.mjs';
import { parentProcess, processStartTime } from '#ops/bootstrap/processes.mjs';
import { waitForExit } from '#ops/embedded/processes.ts';

import { cleanEnvironment, startProgram } from './program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A project of its own with this project's bootstraps in it. */
let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'tributary-test-'));
  cpSync(join(ROOT, 'ops/bootstrap'), join(project, 'ops/bootstrap'), { recursive: true });
  for (const name of ['start.mjs', 'test.mjs', 'install.mjs'])
    cpSync(join(ROOT, 'ops', name), join(project, 'ops', name));
});

afterEach(() => {
  rmSync(project, { recursive: true, force: true });
});

function write(path: string, content: string | object): void {
  mkdirSync(join(project, path, '..'), { recursive: true });
  writeFileSync(join(project, path), typeof content === 'string' ? content : JSON.stringify(content, null, 2));
}

describe('with everything installed', () => {
  beforeEach(() => {
    for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(project, name));
    symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
  });

  test('npm start runs the gateway with its arguments, in one process, and passes its exit status on', async () => {
    write(
      'ops/serve/main.ts',
      `const args: string[] = process.argv.slice(2); console.log(JSON.stringify({ args })); process.exitCode = 3;`,
    );
    using npm = startProgram('npm', ['start', '--', '--port', '0'], { cwd: project });
    expect(await npm.next()).toEqual({ args: ['--port', '0'] });
    expect(await npm.exited()).toBe(3);
  });

  test('the gateway shuts down when npm is killed', async () => {
    write(
      'ops/serve/main.ts',
      `const timer: NodeJS.Timeout = setInterval(() => {}, 1000);
       process.on('SIGTERM', () => { console.log(JSON.stringify({ closing: true })); clearInterval(timer); });
       console.log(JSON.stringify({ pid: process.pid }));`,
    );
    using npm = startProgram('npm', ['start'], { cwd: project });
    const { pid } = await npm.next<{ pid: number }>();
    process.kill(npm.pid, 'SIGKILL');
    expect(await npm.next()).toEqual({ closing: true });
    expect(await waitForExit(pid, 5_000)).toBe(true);
  });

  test('workers run TypeScript', async () => {
    for (const name of ['typescript-worker.ts', 'typescript-worker-entry.mjs']) {
      mkdirSync(join(project, 'gateway/supergraph'), { recursive: true });
      cpSync(join(ROOT, 'gateway/supergraph', name), join(project, 'gateway/supergraph', name));
    }
    write(
      'ops/serve/worker.ts',
      `import { parentPort } from 'node:worker_threads'; enum Kind { A = 7 } parentPort!.postMessage(Kind.A);`,
    );
    write(
      'ops/serve/main.ts',
      `import { startTypeScriptWorker } from '../../gateway/supergraph/typescript-worker.ts';
       startTypeScriptWorker(new URL('./worker.ts', import.meta.url)).once('message', (kind: number) => console.log(JSON.stringify({ kind })));`,
    );
    // From another folder, in which no package can be found.
    using program = startProgram(process.execPath, [join(project, 'ops/start.mjs')], { cwd: '/' });
    expect(await program.next()).toEqual({ kind: 7 });
    expect(await program.exited()).toBe(0);
  });

  const passing = `import { test } from 'vitest'; test('a', () => {}); test.skip('b', () => {});`;
  test.each([
    ['all is well', passing, 'export default {}', 0, '1 passed, 0 failed, 1 skipped'],
    [
      'a test fails',
      `${passing} test('c', () => { throw new Error('no'); });`,
      'export default {}',
      1,
      '1 passed, 1 failed, 1 skipped',
    ],
    ['a file cannot be loaded', `throw new Error('no');`, 'export default {}', 1, '0 passed, 1 failed, 0 skipped'],
    [
      'the set-up fails',
      passing,
      `export default { test: { globalSetup: './absent.ts' } }`,
      1,
      '0 passed, 1 failed, 0 skipped',
    ],
    [
      'something throws where no test looks',
      `${passing} setTimeout(() => { throw new Error('no'); });`,
      'export default {}',
      1,
      '1 passed, 1 failed, 1 skipped',
    ],
    ['there is nothing to run', undefined, 'export default {}', 1, '0 passed, 1 failed, 0 skipped'],
  ])('npm test counts and tells the truth when %s', async (_, tests, config, status, line) => {
    if (tests !== undefined) write('some.test.ts', tests);
    write('vitest.config.ts', config);
    using program = startProgram('npm', ['test'], { cwd: project, env: cleanEnvironment({ CI: 'true' }) });
    expect(await program.exited(), program.output).toBe(status);
    expect(
      program.output
        .trimEnd()
        .split('\n')
        .filter((written) => / passed, /.test(written)),
    ).toEqual([line]);
  });
});

describe('installation', () => {
  beforeEach(() => {
    // A dependency and a development dependency that need no registry.
    for (const name of ['needed', 'tool']) {
      write(`${name}/package.json`, { name, version: '1.0.0', scripts: { postinstall: 'exit 1' } });
      execFileSync('npm', ['pack', '--pack-destination', '..'], { cwd: join(project, name), stdio: 'ignore' });
    }
    write('package.json', {
      name: 'project',
      engines: { node: '>=20.19.0' },
      dependencies: { needed: 'file:needed-1.0.0.tgz' },
      devDependencies: { tool: 'file:tool-1.0.0.tgz' },
    });
    execFileSync('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], {
      cwd: project,
      stdio: 'ignore',
    });
  });

  function missing(dev: boolean): string[] {
    return missingPackages({ dev, root: pathToFileURL(`${project}/`) });
  }

  test('happens once, without install scripts, development dependencies included', async () => {
    expect(missing(true)).toEqual(['node_modules/needed', 'node_modules/tool']);
    // Two at once: one installs, the other waits and finds it done. NODE_ENV would make npm leave `tool` out.
    const env = cleanEnvironment({ NODE_ENV: 'production' });
    using one = startProgram(process.execPath, ['ops/install.mjs'], { cwd: project, env });
    using other = startProgram(process.execPath, ['ops/install.mjs'], { cwd: project, env });
    expect([await one.exited(), await other.exited()], one.output + other.output).toEqual([0, 0]);
    expect(`${one.output}${other.output}`.match(/^Installing 2 packages \(about \d+ MB on disk\)/gm)).toHaveLength(1);
    expect(missing(true)).toEqual([]);
    using again = startProgram(process.execPath, ['ops/install.mjs'], { cwd: project });
    expect(await again.exited()).toBe(0);
    expect(again.output).toBe('');
  });

  test('notices what was interrupted, left out or removed', () => {
    execFileSync('npm', ['ci', '--ignore-scripts', '--offline', '--omit=dev', '--no-audit'], {
      cwd: project,
      stdio: 'ignore',
    });
    expect(missing(false)).toEqual([]);
    expect(missing(true)).toEqual(['node_modules/tool']);
    rmSync(join(project, 'node_modules/needed'), { recursive: true });
    expect(missing(false)).toEqual(['node_modules/needed']);
    execFileSync('npm', ['ci', '--ignore-scripts', '--offline', '--no-audit'], { cwd: project, stdio: 'ignore' });
    expect(missing(true)).toEqual([]);
    rmSync(join(project, 'node_modules/.package-lock.json'));
    expect(missing(false)).toEqual(['node_modules/needed']);
  });

  test('waits for an npm that a killed process left behind', async () => {
    using npm = startProgram(process.execPath, [
      '-e',
      'console.log("{}"); process.stdin.on("end", () => process.exit()).resume()',
    ]);
    await npm.next();
    write('.local-data/install/npm.json', { pid: npm.pid, startTime: await processStartTime(npm.pid) });
    using program = startProgram(process.execPath, ['ops/install.mjs'], { cwd: project });
    const first = await Promise.race([
      program.exited(),
      new Promise((resolve) => program.child.stderr!.once('data', () => resolve('waiting'))),
    ]);
    expect(first).toBe('waiting');
    expect(program.output).not.toContain('Installing');
    npm.child.stdin!.end();
    expect(await program.exited(), program.output).toBe(0);
    expect(missing(true)).toEqual([]);
  });

  test('that is told to stop ends npm first', async () => {
    // An npm that ends a while after it was told to; it says that it is at work once it listens to signals.
    write(
      'npm-cli.js',
      `process.on('SIGTERM', () => setTimeout(() => { console.error('npm ends'); process.exit(1); }, 200)); setInterval(() => {}, 1000); console.error('at work');`,
    );
    using program = startProgram(process.execPath, ['ops/start.mjs'], {
      cwd: project,
      env: cleanEnvironment({ npm_execpath: join(project, 'npm-cli.js') }),
    });
    await vi.waitFor(() => expect(program.output).toContain('at work'), 10_000);
    program.child.kill('SIGTERM');
    expect(await program.exited()).toBe(1);
    expect(program.output).toMatch(/npm ends\nnpm ci failed \(SIGTERM\)/);
  });

  test('that fails says so and starts nothing', async () => {
    write('ops/serve/main.ts', `console.log(JSON.stringify({ started: true }));`);
    // The lock file does not know of this one.
    write('package.json', {
      name: 'project',
      engines: { node: '>=20.19.0' },
      dependencies: { unlocked: 'file:tool-1.0.0.tgz' },
    });
    using program = startProgram(process.execPath, ['ops/start.mjs'], { cwd: project });
    expect(await program.exited()).toBe(1);
    expect(program.output).toContain('npm ci failed');
    expect(program.output).not.toContain('started');
  });
});

test('an old Node gets one clear sentence', async () => {
  write('package.json', { engines: { node: '>=99.1.0' } });
  using program = startProgram(process.execPath, ['ops/start.mjs'], { cwd: project });
  expect(await program.exited()).toBe(1);
  expect(program.output).toBe(
    `This needs Node 99.1.0 or newer; this is Node ${process.versions.node}. Get it from https://nodejs.org.\n`,
  );
});

test('the parent of a process is found', async () => {
  using program = startProgram(process.execPath, ['-e', 'console.log("{}"); setInterval(() => {}, 1000)']);
  await program.next();
  expect(await parentProcess(program.pid)).toBe(process.pid);
});
