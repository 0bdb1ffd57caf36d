/** `npm run backup` and `npm run restore`. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '#gateway/config/config.ts';
import { Endings } from '#gateway/endings.ts';
import { MIGRATIONS } from '#gateway/mount/migrations.ts';
import { openPostgres } from '#gateway/mount/postgres.ts';
import { createLogger, type Logger } from '#gateway/telemetry/logger.ts';
import { runningEmbeddedPostgres } from '#ops/embedded/running-postgres.ts';
import { configBesideServer, mountAlone, startEmbedded } from '#ops/reconcile/open-stores.ts';
import { whyApart, type Output } from '#ops/serve/command-line.ts';
import { explain } from '#ops/serve/explain.ts';
import { stopBySignal } from '#ops/serve/stop-by-signal.ts';
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { backup, type Sources } from './backup.ts';
import { BackupError, readBackup, type Manifest } from './manifest.ts';
import { restore } from './restore.ts';

const USAGES = {
  backup: `Usage: npm run -s backup -- --to <folder>
       npm run -s backup -- --verify <folder>

--to: a folder that does not exist yet.  --verify: looks whether a backup is whole and unaltered.

Configured by the same variables as the server, beside which it may run. The user of DATABASE_URL must see all rows (superuser, or BYPASSRLS).
Exit codes: 0 done, 1 the backup is not whole, 2 nothing could be done.`,
  restore: `Usage: npm run -s restore -- --from <folder> [--replace]

--replace: removes what is in the database, and the objects of its tenants, before.

Configured by the same variables as the server, which must not run. The user of DATABASE_URL must be a superuser, or have BYPASSRLS and the right to
set session_replication_role. Then: npm run reconcile -- --mend, where there is a Neo4j or a Qdrant.
Exit codes: 0 done, 1 the backup is not whole, or the target is not empty, 2 nothing could be done.`,
} as const;

/**
 * Runs one of both.
 * @param env as for the server
 * @returns the exit code
 */
export async function backupCommand(
  does: keyof typeof USAGES,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  output: Output,
): Promise<number> {
  try {
    return await run(does, args, env, output);
  } catch (error) {
    const isOurs = error instanceof BackupError;
    output.err(isOurs ? error.message : explain(error));
    return isOurs ? 1 : 2;
  }
}

async function run(
  does: keyof typeof USAGES,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  { out, err }: Output,
): Promise<number> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...(does === 'backup' ? { to: text, verify: text } : { from: text, replace: flag }),
      help: { ...flag, short: 'h' },
    },
  });
  const { to, verify, from, replace, help } = values as Record<string, string | boolean | undefined>;
  if (help === true) {
    out(USAGES[does]);
    return 0;
  }
  if (typeof verify === 'string') {
    tell(await readBackup(resolve(verify)), out);
    err(`${verify} is whole.`);
    return 0;
  }
  const folder = does === 'backup' ? to : from;
  if (typeof folder !== 'string') {
    err(USAGES[does]);
    return 2;
  }
  const config = await configBesideServer(env);
  if (does === 'restore' && (await runningEmbeddedPostgres(join(config.dataDir, 'postgres'))) !== undefined)
    throw new BackupError('A server runs with the embedded store of DATA_DIR: stop it first.');
  const log = createLogger({ ...config.log, level: 'warn' });
  const endings = new Endings((error) => log.error({ err: error }, 'Something did not end as it should.'));
  using stop = stopBySignal();
  try {
    const { postgres, sources } = await openSources(config, log, endings);
    if (does === 'backup') {
      const manifest = await backup(sources, resolve(folder), stop.signal);
      tell(manifest, out);
      err(`The backup is in ${folder}.${note(manifest)}`);
      return 0;
    }
    const migrate = async (): Promise<void> => {
      for (const [schema, files] of Object.entries(MIGRATIONS)) await postgres.migrate(schema, files);
    };
    const { manifest, differing } = await restore(sources, resolve(folder), {
      replace: replace === true,
      migrate,
      signal: stop.signal,
    });
    if (differing.length > 0)
      throw new BackupError(
        `Nothing was restored: the rows of ${differing.join(', ')} would not be those of the backup.`,
      );
    tell(manifest, out);
    err(`Restored from ${folder}, and compared: every table has the rows of the backup.${note(manifest)}`);
    return 0;
  } finally {
    await endings.close();
  }
}

async function openSources(
  config: Config,
  log: Logger,
  endings: Endings,
): Promise<{ postgres: Postgres; sources: Sources }> {
  const { stores } = config;
  const apart = whyApart(config);
  if (apart !== undefined) throw new BackupError(apart);
  const embedded = stores.postgres === undefined ? startEmbedded(config, log, endings) : undefined;
  const postgres = await openPostgres(config, embedded, log);
  if (postgres === undefined)
    throw new BackupError('DATABASE_URL is off: there is nothing whose backup could be made.');
  endings.add(() => postgres.close());
  const copy = await postgres.copy(MIGRATIONS);
  endings.add(() => copy.close());
  const object = stores.s3 === 'off' ? undefined : await mountAlone(config, log, endings)('object');
  const rebuilt = [
    typeof stores.neo4j === 'object' ? 'neo4j' : [],
    typeof stores.qdrant === 'object' ? 'qdrant' : [],
  ].flat();
  const namedBy = embedded === undefined ? 'DATABASE_URL' : 'DATA_DIR';
  return { postgres, sources: { namedBy, postgres: copy, objects: object?.objects, rebuilt } };
}

const note = ({ rebuilt }: Manifest): string =>
  rebuilt.length === 0
    ? ''
    : ` What ${rebuilt.join(' and ')} has of documents and facts is not in it: after a restore, \`npm run reconcile -- --mend\` makes it again. What was written there by hand alone (upsertEntities, upsertRelations, upsertVectors) needs a backup by the store's own means.`;

function tell({ at, tables, objects, rebuilt }: Manifest, out: Output['out']): void {
  const rows = Object.fromEntries(
    Object.entries(tables).flatMap(([name, sum]) => (sum.rows > 0 ? [[name, sum.rows]] : [])),
  );
  out(JSON.stringify({ at, rows, objects, rebuilt }, undefined, 2));
}
