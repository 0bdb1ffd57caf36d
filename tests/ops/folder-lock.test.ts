import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { lockFolder } from '#ops/bootstrap/folder-lock.mjs';
import { lockDataFolder } from '#ops/embedded/data-folder.ts';

import { fixturePath, startProgram, type Program } from './program.ts';

interface Outcome {
  held: boolean;
  message?: string;
}

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-test-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function contender(): Promise<Program> {
  const program = startProgram(process.execPath, [fixturePath('lock-contender.mjs'), folder]);
  await program.next();
  return program;
}

async function contend(program: Program): Promise<Outcome> {
  program.child.stdin!.write('go\n');
  return program.next<Outcome>();
}

/** The lock file, rewritten as if something else had taken it. */
async function rewrite(change: object): Promise<string> {
  const [name] = await readdir(folder);
  const file = join(folder, name!);
  await writeFile(
    file,
    JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), released: undefined, ...change }),
  );
  return file;
}

test('is held once at a time, and again after its release', async () => {
  const first = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'FOLDER_LOCKED', holder: { pid: process.pid } });
  await first.release();
  await first.release();
  const second = await lockFolder(folder);
  await second.release();
  expect(await readdir(folder)).toHaveLength(1);
});

test('says who holds a data folder, since when, and what to do', async () => {
  const lock = await lockDataFolder(folder);
  await expect(lockDataFolder(folder)).rejects.toThrow(
    new RegExp(`is in use by process ${process.pid} on .+ since \\d{4}-.+Stop that process, or set DATA_DIR and PORT`),
  );
  await lock.release();
});

test('of many that come at once for the lock of a killed process, one gets it', async () => {
  const killed = await contender();
  expect(await contend(killed)).toEqual({ held: true });
  killed.child.kill('SIGKILL');
  await killed.exited();

  const contenders = await Promise.all(Array.from({ length: 6 }, contender));
  try {
    const outcomes = await Promise.all(contenders.map(contend));
    expect(outcomes.filter(({ held }) => held)).toHaveLength(1);
    const holder = contenders[outcomes.findIndex(({ held }) => held)]!;
    for (const { held, message } of outcomes) if (!held) expect(message).toContain(`process ${holder.pid}`);
  } finally {
    for (const program of contenders) program[Symbol.dispose]();
  }
});

test('a process that was given the id of the dead holder is not taken for it', async () => {
  await (await lockFolder(folder)).release();
  await rewrite({ startTime: '1' });
  await (await lockFolder(folder)).release();
});

test('a file that a power failure cut short holds nobody up', async () => {
  await writeFile(join(folder, 'lock-7.json'), '');
  await (await lockFolder(folder)).release();
  expect(await readdir(folder)).toEqual(['lock-8.json']);
});

test('the lock of another machine counts while its heart beats', async () => {
  await (await lockFolder(folder)).release();
  const file = await rewrite({ machine: 'another', pid: 1 });
  let beats = 0;
  const heart = setInterval(() => {
    beats += 1;
    void utimes(file, new Date(), new Date());
  }, 100);
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'FOLDER_LOCKED' });
  expect(beats).toBeGreaterThan(0);
  clearInterval(heart);

  const longAgo = new Date(Date.now() - 3_600_000);
  await utimes(file, longAgo, longAgo);
  await (await lockFolder(folder)).release();
});
