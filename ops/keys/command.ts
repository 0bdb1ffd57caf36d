/** The commands of `npm run keys`. */
import { parseArgs } from 'node:util';
import { systemCalls, type SubgraphCall } from '#gateway/indexing/subgraph-call.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { scopesOfSources, toldScope, unknownScopes } from '#ops/config/unknown-scopes.ts';
import { configBesideServer, openStores } from '#ops/reconcile/open-stores.ts';
import { checkNames, orTold, UsageError, type Output } from '#ops/serve/command-line.ts';
import { stopBySignal } from '#ops/serve/stop-by-signal.ts';
import { tenantIdOf } from '#subgraphs/shared/tenant-id.ts';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { createKey, keyNamed, keysOf, revokeKey, rotateKey, tenantsOf, type ListedKey } from './calls.ts';

const USAGE = `Usage: npm run -s keys -- create --tenant <id> [--project <name>] --name <text> [--scopes "<scope> …" | --scopes "*"] [--days <n>]
       npm run -s keys -- list [--tenant <id> [--project <name>]] [--all]
       npm run -s keys -- rotate <id | prefix | key> [--tenant <id> [--project <name>]] [--overlap <seconds>]
       npm run -s keys -- revoke <id | prefix | key> [--tenant <id> [--project <name>]]

--scopes: what its holder may do besides reading (docs/scopes.md); "*" is everything.  --all: those that hold no longer, too.
--overlap: for how long the secret before still opens something.

Configured by the same variables as the server. A new key alone is written to standard output: KEY=$(npm run -s keys -- create …),
where -s keeps npm's own lines out of it.`;

interface Given {
  tenant?: string;
  name?: string;
  scopes?: string;
  days?: string;
  overlap?: string;
  all?: boolean;
}

/** Calls as the operator, who has every scope that he gives. */
type CallWith = (scopes?: readonly string[]) => SubgraphCall;
type Command = (
  callWith: CallWith,
  output: Output,
  given: Given,
  which: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
) => Promise<number>;

/** Who makes, rotates and revokes them, as the audit log has it. */
const OPERATOR = 'system:operator';

const COMMANDS: Readonly<Record<string, Command>> = {
  async create(callWith, { out, err }, { tenant, name, scopes = '', days }, _, env) {
    if (tenant === undefined || name === undefined) throw new UsageError('Say whose and what for: --tenant, --name.');
    if (days !== undefined && !/^\d{1,5}$/.test(days)) throw new UsageError('--days takes a whole number.');
    const wanted = scopes
      .split(/[\s,]+/)
      .filter((scope) => scope !== '')
      .flatMap((scope): readonly string[] => (scope === '*' ? ALL_SCOPES : [scope]));
    for (const scope of unknownScopes(wanted, env, await scopesOfSources(env['SOURCES']))) err(toldScope(scope));
    const { key, secret } = await createKey(callWith(wanted), tenant, {
      name,
      scopes: wanted,
      days: days === undefined ? undefined : Number(days),
    });
    const may =
      wanted.length === 0
        ? 'reads only (--scopes "documents:write …" for more)'
        : `may besides reading: ${wanted.join(' ')}`;
    err(
      `${key.id} of the tenant ${tenant} ${may}. It holds until ${key.expiresAt}. This is the key; it is not shown again:`,
    );
    out(secret);
    return 0;
  },

  async list(callWith, { out, err }, { tenant, all = false }) {
    const call = callWith();
    let count = 0;
    for await (const tenantId of tenantsOf(call, tenant))
      for await (const key of keysOf(call, tenantId, { all })) {
        out(tell(tenantId, key));
        count += 1;
      }
    if (count === 0) err(all ? 'There are no API keys.' : 'There are no API keys in use.');
    return 0;
  },

  async rotate(callWith, { out, err }, { tenant, overlap }, which) {
    const named = nameIn(which);
    if (overlap !== undefined && !/^\d{1,9}$/.test(overlap)) throw new UsageError('--overlap takes whole seconds.');
    const found = await keyNamed(callWith(), tenant, named);
    if (found === undefined) return noSuchKey(err);
    const { id, scopes } = found.key;
    const overlapSeconds = overlap === undefined ? undefined : Number(overlap);
    const { key, secret } = await rotateKey(callWith(scopes), found.tenantId, { id, overlapSeconds });
    const before = key.previousSecrets.filter(isHolding).map((one) => `trk_${one.prefix}_… until ${one.expiresAt}`);
    err(
      `${id} of ${found.tenantId} holds until ${key.expiresAt}; beside it ${before.join(', ') || 'no secret before'}. This is the key; it is not shown again:`,
    );
    out(secret);
    return 0;
  },

  async revoke(callWith, { out, err }, { tenant }, which) {
    const call = callWith();
    const found = await keyNamed(call, tenant, nameIn(which));
    if (found === undefined) return noSuchKey(err);
    const { tenantId, key } = found;
    const ids = await revokeKey(call, tenantId, key.id);
    out(
      ids.length === 0 ? `${key.id} of ${tenantId} was revoked before.` : `Revoked ${ids.join(', ')} of ${tenantId}.`,
    );
    return 0;
  },
};

/** What names a key: of the key itself its prefix. */
function nameIn(which: string | undefined): string {
  if (which === undefined) throw new UsageError('Say which: its id, its prefix, or the key.');
  return /^trk_([a-z0-9]{12})(?:_.*)?$/.exec(which)?.[1] ?? which;
}

function noSuchKey(err: Output['err']): number {
  err('There is no such key.');
  return 1;
}

const isHolding = ({ expiresAt }: Pick<ListedKey, 'expiresAt'>): boolean => Date.parse(expiresAt) > Date.now();

const usedAt = (lastUsedAt: string | null): string => (lastUsedAt === null ? 'never used' : `last used ${lastUsedAt}`);

const tell = (tenantId: string, key: ListedKey): string =>
  [
    key.id,
    `trk_${key.prefix}_…`,
    tenantId,
    JSON.stringify(key.name),
    key.scopes.length === 0 ? 'reads only' : key.scopes.join(' '),
    `made ${key.createdAt} by ${key.createdBy}`,
    key.revokedAt === null ? `until ${key.expiresAt}` : `revoked ${key.revokedAt}`,
    usedAt(key.lastUsedAt),
    ...key.previousSecrets
      .filter(isHolding)
      .map((one) => `beside trk_${one.prefix}_… until ${one.expiresAt}, ${usedAt(one.lastUsedAt)}`),
  ].join('  ');

/**
 * Runs a command.
 * @param env as for the server
 * @returns the exit code
 */
export async function keysCommand(
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
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      tenant: { type: 'string' },
      project: { type: 'string' },
      name: { type: 'string' },
      scopes: { type: 'string' },
      days: { type: 'string' },
      overlap: { type: 'string' },
      all: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    output.out(USAGE);
    return 0;
  }
  const [name = '', which, ...more] = positionals;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined || more.length > 0 || (which !== undefined && name !== 'revoke' && name !== 'rotate'))
    throw new UsageError('');
  const { project, tenant, ...given } = values;
  checkNames({ tenant, project });
  if (project !== undefined && tenant === undefined)
    throw new UsageError('--project takes the name of a project of --tenant.');
  const config = await configBesideServer(env);
  using stop = stopBySignal();
  await using stores = await openStores(config, createLogger({ ...config.log, level: 'warn' }), ['relational']);
  const { callTimeoutMs } = config.bounds.indexing;
  const callWith: CallWith = (scopes = []) =>
    systemCalls(stores.clients, stop.signal, callTimeoutMs, { subject: OPERATOR, scopes });
  const whose = tenant === undefined ? {} : { tenant: tenantIdOf(tenant, project) };
  return await command(callWith, output, { ...given, ...whose }, which, env);
}
