// Formatter, lint and types on what is about to be committed: on the staged content, whatever the working tree has. The
// index is copied to a folder inside git's own, and checked there. Of the working tree only files that are staged as a
// whole are ever written, by the formatter, and staged again.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = process.cwd(); // Git starts hooks at the top of the working tree.
const SCRATCH = resolve(git('rev-parse', '--git-path', 'tributary-staged').trim());
const TREE = join(SCRATCH, 'tree');
const LINTED = new Set(['.ts', '.mjs', '.js']);
/** What the compiler's answer depends on besides sources. */
const TYPED = /\.(ts|mts|json)$/;

/** The answer of git, which finds the index that is being committed by itself (`GIT_INDEX_FILE`). */
function git(...args) {
  return execFileSync('git', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}
const paths = (text) => text.split('\0').filter(Boolean);

/** Where a package's command is, to be started without npx's second of looking for it. */
const command = (name, path) => join(ROOT, 'node_modules', name, path);

/** Runs a checker on the copy. @returns what it says where it is not content, else undefined */
async function complaints(program, args) {
  try {
    await run(process.execPath, [program, ...args], { cwd: TREE, maxBuffer: 64 * 1024 * 1024 });
    return undefined;
  } catch (error) {
    if (typeof error.code !== 'number') throw error; // It did not end by itself.
    return `${error.stdout}${error.stderr}`.trim();
  }
}

/** Copies the index, without what an earlier commit left. The compiler's notes beside it stay: they make it quick. */
function copyIndex() {
  rmSync(TREE, { recursive: true, force: true });
  mkdirSync(TREE, { recursive: true });
  git('checkout-index', '--all', `--prefix=${TREE}/`);
  symlinkSync(join(ROOT, 'node_modules'), join(TREE, 'node_modules'), 'junction');
}

/** Formats what is staged as a whole. @returns the files that only their author can format */
function format(staged) {
  const prettier = command('prettier', 'bin/prettier.cjs');
  const listed = spawnSync(
    process.execPath,
    [prettier, '--list-different', '--ignore-unknown', '--no-error-on-unmatched-pattern', ...staged],
    { cwd: TREE, encoding: 'utf8' },
  );
  if (listed.status > 1) throw new Error(listed.stderr); // A file that does not parse, such as JSON with a comma too many.
  const different = listed.stdout.split('\n').filter(Boolean);
  if (different.length === 0) return [];
  const partly = new Set(paths(git('diff', '--name-only', '-z', '--', ...different)));
  // `git commit PATH` commits an index of its own, and the real one would keep the file as it was before.
  const ownIndex = basename(process.env['GIT_INDEX_FILE'] ?? 'index').startsWith('next-index');
  const whole = ownIndex ? [] : different.filter((path) => !partly.has(path));
  if (whole.length > 0) {
    execFileSync(process.execPath, [prettier, '--write', '--log-level', 'warn', ...whole], { cwd: ROOT });
    git('add', '--', ...whole);
    for (const path of whole) copyFileSync(path, join(TREE, path));
    console.error(`Formatted and staged again: ${whole.join(', ')}`);
  }
  return different.filter((path) => !whole.includes(path));
}

async function main() {
  const staged = paths(git('diff', '--cached', '--name-only', '--diff-filter=ACMR', '-z'));
  const touched = paths(git('diff', '--cached', '--name-only', '-z'));
  if (touched.length === 0) return [];
  if (!existsSync(command('prettier', 'package.json')))
    return ['The checks are not installed. Run `npm install`, or commit with --no-verify.'];
  copyIndex();
  const unformatted = staged.length === 0 ? [] : format(staged);
  const found =
    unformatted.length === 0
      ? []
      : [
          `Not formatted, and not staged as a whole, so left alone: ${unformatted.join(', ')}\n` +
            `Format with \`npx prettier --write ${unformatted.join(' ')}\`, and stage what belongs to the commit.`,
        ];
  const linted = staged.filter((path) => LINTED.has(extname(path)));
  const checks = await Promise.all([
    linted.length === 0
      ? undefined
      : complaints(command('eslint', 'bin/eslint.js'), ['--no-warn-ignored', '--no-color', ...linted]),
    // Types once, of everything: a change is felt elsewhere.
    touched.some((path) => TYPED.test(path))
      ? complaints(command('typescript', 'lib/tsc.js'), [
          ...['-p', '.', '--incremental', '--tsBuildInfoFile', join(SCRATCH, 'tsc.json'), '--pretty', 'false'],
        ])
      : undefined,
  ]);
  return [...found, ...checks.filter(Boolean)];
}

try {
  const found = await main();
  if (found.length > 0) {
    console.error(`${found.join('\n\n')}\n\nNothing was committed; what was checked is what is staged.`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
