/**
 * `npm run sources:init -- --from <variable>`: looks at a database and writes a file of sources (see docs/sources.md) with
 * what is there as comments; into a file that is there already it adds what is new, changes nothing, and says what is gone.
 * With `--hasura <metadata>` it says of tables what the metadata of Hasura v2 says, and what of that it does not carry over.
 * It reads the catalogue only, as the user of the URL.
 *
 * Exit codes: 0 the file is written, 1 it is not, and standard error says why.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadConfig } from '#gateway/config/config.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import type { Catalog } from '#subgraphs/sources/driver.ts';
import { lookAt } from '#subgraphs/sources/index.ts';
import { buildModels } from '#subgraphs/sources/model/build.ts';
import { kindOfUrl, KINDS, type KindName } from '#subgraphs/sources/model/kinds.ts';
import { parseSources } from '#subgraphs/sources/model/read.ts';
import { tellUsage } from './serve/explain.ts';
import { run } from './sources/run.ts';
import { joinHasura, planHasura } from './sources/hasura/index.ts';
import { mergeAcross, mergeSource, type Looked } from './sources/merge.ts';

const USAGE = `Usage: SHOP_DATABASE_URL=postgres://… npm run sources:init -- --from SHOP_DATABASE_URL [--name shop]
         [--schema public]… [--tenant-column tenant_id | --tenant acme | --shared] [file]
       PG_DATABASE_URL=postgres://… npm run sources:init -- --hasura metadata/ [--database default] [--from PG_DATABASE_URL]
         [--role user]… [--tenant-variable X-Hasura-Tenant-Id] [--name shop] [file]
The file is sources.yaml where none is named. The URL is read from the variable (or its _FILE), and never written.`;

const OPTIONS = {
  from: { type: 'string' },
  name: { type: 'string' },
  schema: { type: 'string', multiple: true },
  'tenant-column': { type: 'string' },
  tenant: { type: 'string' },
  shared: { type: 'boolean' },
  hasura: { type: 'string' },
  database: { type: 'string' },
  role: { type: 'string', multiple: true },
  'tenant-variable': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

/** What goes into the file, and what is said of it. */
interface Found {
  readonly sources: readonly Looked[];
  readonly across: Parameters<typeof mergeAcross>[2];
  /** What is not carried over from elsewhere. */
  readonly notes: readonly string[];
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.help === true || (values.from ?? values.hasura) === undefined || positionals.length > 1)
    return tellUsage(USAGE, values.help);
  const [path = 'sources.yaml'] = positionals;
  const { sources, across, notes } = values.hasura === undefined ? await fromStore(values) : await fromHasura(values);
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  let text = before;
  const merged = sources.map((looked) => {
    const made = mergeSource(text, path, looked);
    text = made.text;
    return { ...made, name: looked.name };
  });
  text = mergeAcross(text!, path, across);
  await writeFile(`${path}.${process.pid}`, text);
  await rename(`${path}.${process.pid}`, path);
  for (const { name, added } of merged)
    console.log(
      `${before === undefined ? 'Wrote' : 'Added to'} ${path}: ${added} ${added === 1 ? 'table or view' : 'tables and views'} of ${name}${before === undefined ? '' : ' that it did not have'}.`,
    );
  for (const { name, why } of sources.flatMap(({ catalog }) => catalog.unread ?? []))
    console.log(`Left out: ${name}, ${why}.`);
  for (const each of merged.flatMap(({ gone }) => gone))
    console.log(`Gone from the database, and still in the file: ${each}`);
  if (notes.length > 0) console.log(`\nNot carried over, or not as it was (${notes.length}):`);
  for (const told of notes) console.log(`  ${told}`);
  if (notes.length > 0) console.log();
  if (merged.some(({ undecided }) => undecided))
    console.log(`Say in ${path} whose rows they are (\`tenancy\`): nothing is served before.`);
  else tellFaults(text, path, sources);
  console.log(`Read it, cut it to what is to be served, and set SOURCES=${path}.`);
  return 0;
}

/** What the gateway would say of the file, as far as the stores that were looked at go. */
function tellFaults(text: string, path: string, sources: readonly Looked[]): void {
  try {
    buildModels(parseSources(text, path), new Map(sources.map(({ name, catalog }) => [name, catalog])));
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    console.log(`It is served when this is mended in it. ${error.message}`);
  }
}

async function fromStore(values: Values): Promise<Found> {
  if (values.role !== undefined || values.database !== undefined || values['tenant-variable'] !== undefined)
    throw badUserInput('--role, --database and --tenant-variable go with --hasura.');
  const from = values.from!;
  const { kind, look } = reach(from);
  const name =
    values.name ??
    (from
      .toLowerCase()
      .replace(/_?(database)?_?url$/, '')
      .replaceAll('_', '-') ||
      'store');
  const schemas = values.schema ?? KINDS[kind].schemas;
  const catalog = await look(name, schemas);
  return {
    sources: [{ name, kind, variable: from, schemas, tenancy: tenancyOf(values), catalog }],
    across: [],
    notes: [],
  };
}

async function fromHasura(values: Values): Promise<Found> {
  if (values.schema !== undefined)
    throw badUserInput('--schema does not go with --hasura: the metadata names schemas.');
  const plan = planHasura({
    path: values.hasura!,
    roles: values.role ?? [],
    tenantVariable: values['tenant-variable'],
    database: values.database,
    from: values.from,
    name: values.name,
  });
  const catalogs: Catalog[] = [];
  for (const { variable, name, schemas } of plan.sources) {
    const { kind, look } = reach(variable);
    if (kind !== 'postgres')
      throw badUserInput(`${variable} holds the URL of a ${kind}, and the metadata is of a PostgreSQL.`);
    catalogs.push(await look(name, schemas));
  }
  const { joined, across, notes } = joinHasura(plan, 'postgres', catalogs);
  const tenancy = tenancyOf(values);
  const sources = joined.map(({ looked }) => {
    if (tenancy === undefined) return looked;
    if (looked.said?.saysWhose !== true) return { ...looked, tenancy };
    throw badUserInput(
      `The filters of the permissions say whose rows those of ${looked.name} are. Leave --tenant-column, --tenant and --shared out, and edit the file.`,
    );
  });
  if (plan.tenantVariable !== undefined)
    console.log(
      `The tenant is what ${plan.tenantVariable} was: set OIDC_TENANT_CLAIM to its claim, such as https://hasura.io/jwt/claims.${plan.tenantVariable}.`,
    );
  return { sources, across, notes: notes.map(({ at, told }) => `${at}: ${told.replace(/\s+/g, ' ')}`) };
}

function tenancyOf(values: Values): Looked['tenancy'] {
  if (values['tenant-column'] !== undefined) return { column: values['tenant-column'] };
  if (values.tenant !== undefined) return { tenant: values.tenant };
  return values.shared === true ? 'shared' : undefined;
}

/** The store that a variable names, and how to look at it. @throws CodedError `BAD_USER_INPUT` where it names none */
function reach(variable: string): {
  readonly kind: KindName;
  look(name: string, schemas: readonly string[]): Promise<Catalog>;
} {
  if (!/^[A-Z][A-Z0-9_]*$/.test(variable))
    throw badUserInput('--from names a variable, such as SHOP_DATABASE_URL, that holds the URL.', {
      hint: `\n${USAGE}`,
    });
  const config = loadConfig();
  const url = (): string | undefined => config.current.sourceUrl(variable);
  const address = url();
  if (address === undefined)
    throw badUserInput(`${variable} is not set, so there is no database to look at.`, { hint: `\n${USAGE}` });
  const kind = kindOfUrl(address);
  if (kind === undefined)
    throw badUserInput(
      `${variable} holds no URL of a store that can be read. They begin with ${Object.values(KINDS)
        .flatMap(({ schemes }) => schemes)
        .join(', ')}.`,
      { hint: `\n${USAGE}` },
    );
  return {
    kind,
    async look(name, schemas) {
      const catalog = await lookAt({
        ...config.bounds.sources,
        kind,
        name,
        variable,
        url: () => url() ?? '',
        schemas,
      });
      if (catalog.tables.length > 0) return catalog;
      throw badUserInput(
        `There is no table or view that may be read in ${schemas.join(', ') || 'the database of its URL'}. Name others with --schema, or grant the user what is in them.`,
      );
    },
  };
}

await run(main);
