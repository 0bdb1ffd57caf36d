/** The pre-commit hook, in a small repository of its own that has this one's hook, configuration and packages. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CONFIGURATION = ['package.json', 'tsconfig.json', 'eslint.config.js', '.prettierrc.json', '.prettierignore'];
const run = promisify(execFile);
// A commit starts a formatter, a linter and a compiler.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let folder: string;
const path = (file: string): string => join(folder, file);
const write = (file: string, text: string): void => writeFileSync(path(file), text);
const read = (file: string): string => readFileSync(path(file), 'utf8');

/** Git as the hook's user has it: no settings of this machine's, no index of a commit under way. */
async function git(...args: string[]): Promise<string> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
  const { stdout, stderr } = await run('git', args, {
    cwd: folder,
    env: { ...env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  });
  return stdout + stderr;
}
const committed = (file: string): Promise<string> => git('show', `HEAD:${file}`);
const refused = (...args: string[]): Promise<string> =>
  git('commit', '-m', 'Try', ...args).then(
    () => expect.fail('The commit should have been refused.'),
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  );

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tributary-hook-'));
  for (const file of CONFIGURATION) cpSync(join(ROOT, file), path(file));
  cpSync(join(ROOT, 'ops/hooks'), path('ops/hooks'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), path('node_modules'), 'junction');
  mkdirSync(path('gateway'));
  write('.gitignore', 'node_modules\n');
  write('gateway/one.ts', 'export const one: number = 1;\n');
  write('gateway/two.ts', "import { one } from './one.ts';\n\nexport const two: number = one + one;\n");
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.email', 'test@localhost');
  await git('config', 'user.name', 'Test');
  await git('add', '.');
  await git('commit', '-q', '-m', 'Begin');
  await git('config', 'core.hooksPath', 'ops/hooks'); // What `npm run hooks` does.
});
beforeEach(async () => {
  await git('reset', '-q', '--hard');
  await git('clean', '-q', '-d', '-f');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('what is staged as a whole is formatted, and committed so', async () => {
  write('gateway/one.ts', 'export   const one:number = 3;');
  await git('add', '.');
  expect(await git('commit', '-m', 'Whole')).toContain('Formatted and staged again: gateway/one.ts');
  expect(await committed('gateway/one.ts')).toBe('export const one: number = 3;\n');
  expect(read('gateway/one.ts')).toBe('export const one: number = 3;\n');
  expect(await git('status', '--porcelain')).toBe('');
});

test('what is staged in part is not touched: the author is asked', async () => {
  write('gateway/one.ts', 'export   const one:number = 4;\n');
  await git('add', '.');
  const more = 'export   const one:number = 4;\nexport const half   = 0.5;\n';
  write('gateway/one.ts', more);
  const staged = await git('show', ':gateway/one.ts');
  expect(await refused()).toMatch(/not staged as a whole, so left alone: gateway\/one\.ts/);
  expect(read('gateway/one.ts')).toBe(more);
  expect(await git('show', ':gateway/one.ts')).toBe(staged);
});

test('what is staged counts, and not what the working tree has: a fault that is mended there alone', async () => {
  write('gateway/one.ts', "export const one: string = 'one';\n"); // `two.ts`, which is not staged, adds it to itself.
  await git('add', '.');
  write('gateway/one.ts', 'export const one: number = 1;\n');
  expect(await refused()).toMatch(/gateway\/two\.ts.*TS2322/);
});

test('what is staged counts, and not what the working tree has: a fault that is there alone', async () => {
  write('gateway/three.ts', 'export const three: number = 3;\n');
  await git('add', '.');
  write('gateway/three.ts', "export const three: number = 'three';\n");
  write('gateway/untracked.ts', 'nonsense(;\n');
  await git('commit', '-m', 'Three');
  expect(await committed('gateway/three.ts')).toBe('export const three: number = 3;\n');
  expect(read('gateway/three.ts')).toContain("'three'");
});

test('a fault of style is told with its rule', async () => {
  write('gateway/one.ts', 'export const one: number = 1;\nexport const same = (a: unknown): boolean => a == 1;\n');
  await git('add', '.');
  expect(await refused()).toMatch(/eqeqeq/);
});

test('a removed file that is still needed is a fault of types', async () => {
  await git('rm', '-q', 'gateway/one.ts');
  expect(await refused()).toMatch(/Cannot find module '\.\/one\.ts'/);
});

test('a commit of single paths is checked as they are, and not formatted behind the real index', async () => {
  write('gateway/one.ts', 'export   const one:number = 5;\n');
  expect(await refused('--', 'gateway/one.ts')).toMatch(/npx prettier --write gateway\/one\.ts/);
  expect(read('gateway/one.ts')).toBe('export   const one:number = 5;\n');
  write('gateway/one.ts', 'export const one: number = 5;\n');
  await git('commit', '-m', 'One path', '--', 'gateway/one.ts');
  expect(await git('status', '--porcelain')).toBe('');
});

test('a commit of all that changed (`-a`) is formatted', async () => {
  write('gateway/one.ts', 'export   const one:number = 6;\n');
  await git('commit', '-a', '-m', 'All');
  expect(await committed('gateway/one.ts')).toBe('export const one: number = 6;\n');
  expect(await git('status', '--porcelain')).toBe('');
});

test("JSON that does not parse is told, and text is nobody's to check", async () => {
  write('notes.md', '#   As it   is\n');
  await git('add', '.');
  await git('commit', '-m', 'Notes');
  write('data.json', '{"a": 1,,}\n');
  await git('add', '.');
  expect(await refused()).toMatch(/data\.json.*SyntaxError/);
});
