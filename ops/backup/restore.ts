/**
 * Restoring a backup: every file is looked at before anything is touched, objects come first, and all rows in one transaction behind them,
 * so that whoever is killed finds an empty database and may begin again. At the end what is there is compared with what was.
 */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mapBounded } from '#subgraphs/shared/map-bounded.ts';
import type { Sources } from './backup.ts';
import { BACKUP } from './bounds.ts';
import { BackupError, pathOfBytes, pathOfTable, readBackup, type CopiedObject, type Manifest } from './manifest.ts';

export interface Restored {
  readonly manifest: Manifest;
  /** Tables whose rows are not those of the backup. */
  readonly differing: readonly string[];
}

/**
 * Restores.
 * @param replace whether what is there goes @param migrate makes the tables, after they were dropped too
 * @throws BackupError for a backup that is not whole, a target that is not empty, or a server that uses it; CodedError of a store
 */
export async function restore(
  { namedBy, postgres, objects }: Sources,
  from: string,
  { replace, migrate, signal }: { replace: boolean; migrate: () => Promise<void>; signal: AbortSignal },
): Promise<Restored> {
  const manifest = await readBackup(from);
  if (objects === undefined && manifest.objects > 0)
    throw new BackupError('The backup has objects, and S3_ENDPOINT is off: there is nowhere to put them.');
  const { filled, servers } = await postgres.beginLoad();
  if (servers > 0)
    throw new BackupError('A server is connected to the database: stop it first, or it reads what is half there.');
  if (filled.length > 0 && !replace)
    throw new BackupError(
      `The database is not empty (${filled.slice(0, 3).join(', ')}${filled.length > 3 ? ' …' : ''}): name another one in ${namedBy}, or say --replace, which removes all that is there.`,
    );
  await postgres.commit();
  await migrate();
  await postgres.beginLoad();
  const migrations = await postgres.migrations();
  const other = [
    ...manifest.migrations.filter((name) => !migrations.includes(name)),
    ...migrations.filter((name) => !manifest.migrations.includes(name)),
  ][0];
  if (other !== undefined)
    throw new BackupError(
      `The backup is of another version (${other}): restore it with that version, and start this one then.`,
    );
  if (filled.length > 0) {
    if (objects !== undefined)
      for (const tenantId of await postgres.tenantIds())
        for await (const { key } of objects.list(tenantId)) await objects.remove(tenantId, key);
    await postgres.dropAll();
    await postgres.commit();
    await migrate();
    await postgres.beginLoad();
  }

  const copied: CopiedObject[] = [];
  for await (const object of lines<CopiedObject>(join(from, 'objects.jsonl'))) copied.push(object);
  await mapBounded(copied, BACKUP.objects, async ({ tenantId, ...object }) => {
    signal.throwIfAborted();
    await objects!.write(tenantId, object, createReadStream(join(from, pathOfBytes(object.sha256))));
  });
  for (const table of Object.keys(manifest.tables)) {
    signal.throwIfAborted();
    await postgres.load(table, lines<string>(join(from, pathOfTable(table))));
  }
  await postgres.setSequences(manifest.sequences);
  const differing: string[] = [];
  for (const [table, { rows, checksum }] of Object.entries(manifest.tables)) {
    const found = await postgres.sum(table);
    if (found.rows !== rows || found.checksum !== checksum) differing.push(table);
  }
  if (differing.length > 0) return { manifest, differing };
  await postgres.releaseLeases();
  await postgres.commit();
  return { manifest, differing };
}

async function* lines<Value>(path: string): AsyncGenerator<Value> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    yield JSON.parse(line) as Value;
}
