/** What a backup is: a folder that is whole when its manifest is there, and not altered while every file has its hash. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sumOf, type FileSum } from '#ops/serve/file-sum.ts';
import type { Sequences, TableSum } from '#subgraphs/shared/postgres/copy.ts';

export const MANIFEST = 'manifest.json';
export const FORMAT = 'tributary-backup-1';

export interface Manifest {
  readonly format: typeof FORMAT;
  /** PostgreSQL's rows are those of this moment. */
  readonly at: string;
  readonly migrations: readonly string[];
  readonly tables: Readonly<Record<string, TableSum>>;
  readonly sequences: Sequences;
  /** How many, with names and bytes. */
  readonly objects: number;
  /** Stores that are filled again from PostgreSQL. */
  readonly rebuilt: readonly string[];
  /** By path below the folder. */
  readonly files: Readonly<Record<string, FileSum>>;
}

/** One line of `objects.jsonl`. */
export interface CopiedObject {
  readonly tenantId: string;
  readonly key: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** Under which the bytes are. */
  readonly sha256: string;
}

/** Where the bytes of an object are, below the folder: equal ones are there once. */
export const pathOfBytes = (sha256: string): string => `objects/${sha256.slice(0, 2)}/${sha256}`;

export const pathOfTable = (table: string): string => `postgres/${table}.jsonl`;

/** The text of a manifest: its own hash goes with it. */
export function writtenManifest(manifest: Manifest): string {
  const body = JSON.stringify(manifest);
  return `${JSON.stringify({ sha256: createHash('sha256').update(body).digest('hex'), body }, undefined, 2)}\n`;
}

export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/**
 * Reads a manifest, and looks at every file of it.
 * @throws BackupError for a folder that is no backup, not whole, or altered
 */
export async function readBackup(folder: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(folder, MANIFEST), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new BackupError(`${folder} has no ${MANIFEST}: it is no backup, or one that was interrupted.`);
  }
  const manifest = parse(text);
  if (manifest === undefined) throw new BackupError(`${join(folder, MANIFEST)} was altered.`);
  if (manifest.format !== FORMAT) throw new BackupError(`${folder} is of another format (${String(manifest.format)}).`);
  for (const [path, sum] of Object.entries(manifest.files)) {
    const found = await sumOf(join(folder, path)).catch(() => undefined);
    if (found?.sha256 !== sum.sha256) throw new BackupError(`${path} of the backup is missing, or was altered.`);
  }
  return manifest;
}

function parse(text: string): Manifest | undefined {
  try {
    const { sha256, body } = JSON.parse(text) as { sha256: string; body: string };
    return createHash('sha256').update(body).digest('hex') === sha256 ? (JSON.parse(body) as Manifest) : undefined;
  } catch {
    return undefined;
  }
}
