/** A copy of the tree with a skeleton of every kind in it. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { newDriver } from '#ops/new/driver.ts';
import { newEvent } from '#ops/new/event.ts';
import { newField } from '#ops/new/field.ts';
import { writeSkeleton, type Skeleton } from '#ops/new/template.ts';
import { SUBGRAPH_NAMES, type SubgraphName } from '#subgraphs/shared/subgraph.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** The fields that are made: of every subgraph, and of every type. */
export const FIELDS: readonly (readonly [subgraph: SubgraphName, type: string, field: string, ...scalar: string[]])[] =
  [
    ['relational', 'Document', 'language'],
    ['relational', 'MemoryFact', 'weight', 'Int'],
    ['relational', 'Tenant', 'quota', 'Float'],
    ['graph', 'Entity', 'aliases', 'JSON'],
    ['vector', 'VectorCollection', 'normalised', 'Boolean'],
    ['object', 'StoredObject', 'expiresAt', 'DateTime'],
    ['inference', 'Model', 'family', 'ID'],
    ['runs', 'Run', 'label'],
  ];

export interface SkeletonTree extends Disposable {
  readonly path: string;
  readonly written: readonly Skeleton[];
  /** Runs a program of the copy. @returns its exit code and what it says */
  run(program: string, ...args: string[]): Promise<{ code: number; output: string }>;
}

export async function skeletonTree(): Promise<SkeletonTree> {
  const copy = mkdtempSync(join(tmpdir(), 'tributary-new-'));
  const written: Skeleton[] = [];
  const remove = (): void => rmSync(copy, { recursive: true, force: true });
  try {
    for (const entry of readdirSync(ROOT)) {
      if (['.git', '.local-data', 'node_modules', 'shared'].includes(entry)) continue;
      cpSync(join(ROOT, entry), join(copy, entry), {
        recursive: true,
        filter: (path) => !/\/(node_modules|dist)$/.test(path),
      });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction');
    const write = async (skeleton: Skeleton): Promise<void> => {
      await writeSkeleton(copy, skeleton);
      written.push(skeleton);
    };
    for (const subgraph of SUBGRAPH_NAMES) await write(await newDriver(copy, [subgraph, 'milvus-lite']));
    for (const words of FIELDS) await write(await newField(copy, words));
    await write(await newEvent(copy, ['LINK_SHARED']));
  } catch (error) {
    remove();
    throw error;
  }
  return {
    path: copy,
    written,
    async run(program, ...args) {
      // A vitest inside this one is not a worker of it.
      const env = Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST_|NODE_OPTIONS)/.test(name)),
      );
      try {
        const { stdout, stderr } = await run(process.execPath, [...program.split(' '), ...args], {
          cwd: copy,
          env: { ...env, NO_COLOR: '1' },
          maxBuffer: 64 * 1024 * 1024,
        });
        return { code: 0, output: stdout + stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, output: stdout + stderr };
      }
    },
    [Symbol.dispose]: remove,
  };
}
