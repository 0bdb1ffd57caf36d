/** `npm run erase-tenant`: looks, erases, signs and verifies. */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '#gateway/config/config.ts';
import { Endings } from '#gateway/endings.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { configBesideServer } from '#ops/reconcile/open-stores.ts';
import { checkNames, orTold, UsageError, whyApart, type Output } from '#ops/serve/command-line.ts';
import { stopBySignal } from '#ops/serve/stop-by-signal.ts';
import type { Counts } from '#subgraphs/shared/erasure.ts';
import { tenantIdOf } from '#subgraphs/shared/tenant-id.ts';
import { erase, inWords, look } from './erase.ts';
import { Journal, writeWhole } from './journal.ts';
import { faultOf, publicPem, sign, signingKey, type SignedReport } from './signature.ts';
import { openErased } from './stores.ts';

const USAGE = `Usage: npm run -s erase-tenant -- --tenant <id> [--project <name>] [--yes] [--report <file>]
       npm run -s erase-tenant -- --verify <report> [--key <public key>]
       npm run -s erase-tenant -- --public-key

Without --yes it counts what there is and erases nothing. A tenant is erased with all of its projects, or one project alone.
What is written while it runs is erased too; end the tenant's access first, or there will be new data behind it.
--report: where the signed report goes; default: into DATA_DIR/erasures.  --key: a file of PEM text; default: this server's own.

Configured by the same variables as the server, which may run meanwhile. Killed, it goes on when it is run again.
Exit codes: 0 done (or counted, or the report is whole), 1 something was written meanwhile (or the report is not whole), 2 nothing could be done.`;

/**
 * Runs the command.
 * @param env as for the server
 * @returns the exit code
 */
export async function eraseCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  output: Output,
): Promise<number> {
  return await orTold(() => run(args, env, output), USAGE, output);
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  output: Output,
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      tenant: { type: 'string' },
      project: { type: 'string' },
      yes: { type: 'boolean' },
      report: { type: 'string' },
      verify: { type: 'string' },
      key: { type: 'string' },
      'public-key': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    output.out(USAGE);
    return 0;
  }
  const config = await configBesideServer(env);
  if (values['public-key'] === true) {
    output.out(publicPem(await signingKey(config)).trim());
    return 0;
  }
  if (values.verify !== undefined) return await verify(config, values.verify, values.key, output);
  const { tenant, project } = values;
  if (tenant === undefined) throw new UsageError('Say whose: --tenant.');
  checkNames({ tenant, project });
  const apart = whyApart(config);
  if (apart !== undefined) throw new UsageError(apart);
  return await eraseOrCount(config, tenantIdOf(tenant, project), values, output);
}

async function eraseOrCount(
  config: Config,
  tenant: string,
  { yes = false, report }: { yes?: boolean | undefined; report?: string | undefined },
  { out, err }: Output,
): Promise<number> {
  const log = createLogger({ ...config.log, level: 'warn' });
  const endings = new Endings((error) => log.error({ err: error }, 'Something did not end as it should.'));
  try {
    const erased = await openErased(config, tenant, log, endings);
    const journal = new Journal(config.dataDir, tenant);
    if (!yes) {
      const { tenantIds, found } = await look(erased);
      const begun = await journal.read();
      out(
        JSON.stringify(
          { dryRun: true, tenant, tenantIds, found, ...(begun && { begun: begun.startedAt }) },
          undefined,
          2,
        ),
      );
      err(`Nothing was erased. With --yes ${total(found)} would be, for good.`);
      return 0;
    }
    const key = await signingKey(config);
    using stop = stopBySignal('; running it again goes on');
    const { progress, erasedBefore, left } = await erase(erased, journal, stop.signal, err);
    const complete = Object.keys(left).length === 0;
    const finishedAt = new Date().toISOString();
    const told = { format: 'tributary-erasure-1', tenant, ...progress, erasedBefore, finishedAt, complete, left };
    const path = resolve(
      report ?? join(config.dataDir, 'erasures', `${tenant}-${finishedAt.replace(/[:.]/g, '-')}.json`),
    );
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, `${JSON.stringify(sign(told, key), undefined, 2)}\n`);
    if (complete) await journal.remove();
    out(JSON.stringify({ ...told, report: path }, undefined, 2));
    err(
      complete
        ? `Everything of ${tenant} is erased. The signed report is in ${path}.`
        : `Somebody still writes as ${tenant}: ${Object.entries(left)
            .map(([store, counts]) => `${inWords(counts)} in ${store}`)
            .join('; ')}. End that access and run it again.`,
    );
    return complete ? 0 : 1;
  } finally {
    await endings.close();
  }
}

const total = (found: Readonly<Record<string, Counts>>): string =>
  Object.entries(found)
    .map(([store, counts]) => `${Object.values(counts).reduce((sum, count) => sum + count, 0)} in ${store}`)
    .join(', ') || 'nothing';

async function verify(
  config: Config,
  path: string,
  keyPath: string | undefined,
  { out, err }: Output,
): Promise<number> {
  let signed: Partial<SignedReport>;
  try {
    signed = JSON.parse(await readFile(path, 'utf8')) as Partial<SignedReport>;
  } catch (error) {
    throw new UsageError(`${path} cannot be read as a report: ${(error as Error).message}`);
  }
  const expected = keyPath === undefined ? publicPem(await signingKey(config)) : await readFile(keyPath, 'utf8');
  const fault = faultOf(signed, expected);
  if (fault !== undefined) {
    err(`${path}: ${fault}`);
    return 1;
  }
  out(JSON.stringify(JSON.parse(signed.report!), undefined, 2));
  err(`${path} is whole, and signed by this key.`);
  return 0;
}
