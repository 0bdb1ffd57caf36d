import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { FolderLockedError, lockFolder } from './folder-lock.mjs';
import { processStartTime } from './processes.mjs';
import { showProgress } from './progress.mjs';

const ROOT = new URL('../../', import.meta.url);
/** Where those who install take turns. */
const TURNS = new URL('.local-data/install/', ROOT);
/** Which npm is at work, for those who come after a process that was killed and whose npm was not. */
const AT_WORK = new URL('npm.json', TURNS);
/** What the packages take on disk, in MB, so that whoever waits knows for what. tests/architecture holds it to the truth. */
export const ABOUT_MB = { production: 350, development: 790 };
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Installs what package-lock.json names, unless it is installed already. Processes that need this at the same time take
 * turns.
 *
 * @param {{ dev: boolean }} options whether development dependencies are needed, whatever NODE_ENV or npm's
 *   configuration say.
 */
export async function ensureInstalled({ dev }) {
  if (missingPackages({ dev }).length === 0) return;
  const lock = await takeTurn();
  try {
    await outlastAbandonedNpm();
    const missing = missingPackages({ dev });
    if (missing.length === 0) return;
    const megabytes = dev ? ABOUT_MB.development : ABOUT_MB.production;
    console.error(
      `Installing ${missing.length} packages (about ${megabytes} MB on disk) with npm; a first time takes a minute or so …`,
    );
    const began = Date.now();
    await whileShowing(missing, () =>
      npm([
        'ci',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--no-progress',
        '--include=optional',
        ...(dev ? ['--include=dev'] : []),
        ...quietly(),
      ]),
    );
    console.error(`Installed in ${Math.round((Date.now() - began) / 1_000)} s.`);
  } finally {
    await lock.release();
  }
}

/**
 * The packages that package-lock.json names and node_modules lacks or has in another version. npm writes the list of
 * what it installed last of all, so an installation that was interrupted has none, and everything counts as missing.
 *
 * @param {{ dev: boolean, root?: URL }} options
 * @returns {string[]} their paths, such as `node_modules/pg`.
 */
export function missingPackages({ dev, root = ROOT }) {
  const wanted = readJson(new URL('package-lock.json', root))?.packages;
  if (wanted === undefined) throw new Error('package-lock.json is missing: this is not a complete checkout.');
  const installed = readJson(new URL('node_modules/.package-lock.json', root))?.packages ?? {};
  return Object.entries(wanted)
    .filter(([path]) => path !== '')
    .filter(([, entry]) => dev || !(entry.dev || entry.devOptional))
    .filter(([path, entry]) => {
      const found = installed[path];
      // Optional packages are those of other platforms, mostly; npm leaves out what does not fit.
      if (found === undefined) return !entry.optional;
      if (found.version !== entry.version || found.integrity !== entry.integrity) return true;
      return !existsSync(new URL(`${path}/package.json`, root));
    })
    .map(([path]) => path);
}

/** Shows how many of `packages` are there while npm works: its own spinner says nothing of that. */
async function whileShowing(packages, work) {
  const bar = showProgress('Packages', packages.length);
  const started = Date.now();
  const timer = setInterval(() => {
    // npm removes what was there first; what is older than this installation says nothing of it.
    bar.update(packages.filter((path) => isNewer(new URL(`${path}/package.json`, ROOT), started)).length);
  }, 1_000);
  try {
    await work();
    bar.update(packages.length);
  } finally {
    clearInterval(timer);
    bar.end();
  }
}

function isNewer(file, time) {
  return (statSync(file, { throwIfNoEntry: false })?.ctimeMs ?? 0) >= time;
}

/**
 * What npm warns of (a dependency's dependency is deprecated, or wants a newer Node) is for who changes the lock file,
 * not for who runs it.
 */
function quietly() {
  return process.env.npm_config_loglevel === undefined ? ['--loglevel=error'] : [];
}

function readJson(url) {
  try {
    return JSON.parse(readFileSync(url, 'utf8'));
  } catch (error) {
    // A list cut short by a crash is as good as none.
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function takeTurn() {
  for (let told = false; ; told = true) {
    try {
      return await lockFolder(fileURLToPath(TURNS));
    } catch (error) {
      if (!(error instanceof FolderLockedError)) throw error;
      if (!told) console.error(`Process ${error.holder.pid} is installing dependencies; waiting for it …`);
      await delay(250);
    }
  }
}

/** Waits for an npm whose parent was killed: two of them in one node_modules would ruin it. */
async function outlastAbandonedNpm() {
  const left = readJson(AT_WORK);
  if (left === undefined) return;
  console.error(`An earlier installation is still at work (process ${left.pid}); waiting for it …`);
  while ((await processStartTime(left.pid)) === left.startTime) await delay(250);
  rmSync(AT_WORK, { force: true });
}

/** Runs npm: the one that started this process, else the one on the path. */
async function npm(args) {
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli]] : ['npm', []];
  const child = spawn(command, [...first, ...args], {
    cwd: fileURLToPath(ROOT),
    // Standard output belongs to the command that was asked for. What npm says there at the end counts packages that were
    // not missing as well, and only makes people ask which number is right.
    stdio: ['ignore', quietly().length > 0 ? 'ignore' : process.stderr, process.stderr],
  });
  const ended = new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`npm could not be started: ${cause.message}`, { cause })));
    child.once('exit', (status, signal) => resolve({ status, signal }));
  });
  // Whoever is told to stop while npm works passes it on, waits for npm's end, and only then lets the next one in.
  let told;
  const pass = (signal) => {
    told = signal;
    child.kill(signal);
  };
  for (const signal of PASSED_ON) process.on(signal, pass);
  try {
    const startTime = child.pid && (await processStartTime(child.pid));
    if (startTime) writeFileSync(AT_WORK, JSON.stringify({ pid: child.pid, startTime }));
    const { status, signal } = await ended;
    if (status !== 0) throw new Error(`npm ${args[0]} failed (${told ?? signal ?? `exit status ${status}`}).`);
  } finally {
    rmSync(AT_WORK, { force: true });
    for (const signal of PASSED_ON) process.off(signal, pass);
  }
}
