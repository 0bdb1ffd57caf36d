/**
 * `npm run sources:init -- --from <variable>`: looks at a database and writes a file of sources (see docs/sources.md) with
 * what is there as comments; into a file that is there already it adds what is new, changes nothing, and says what is gone.
 * It reads the catalogue only, as the user of the URL.
 *
 * Exit codes: 0 the file is written, 1 it is not, and standard error says why.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '#gateway/config/config.ts';
import { redactText } from '#gateway/telemetry/logger.ts';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import { lookAt } from '#subgraphs/sources/index.ts';
import { kindOfUrl, KINDS } from '#subgraphs/sources/model/kinds.ts';
import { tellUsage } from './serve/explain.ts';
import { mergeSource } from './sources/merge.ts';

const USAGE = `Usage: SHOP_DATABASE_URL=postgres://… npm run sources:init -- --from SHOP_DATABASE_URL [--name shop]
         [--schema public]… [--tenant-column tenant_id | --tenant acme | --shared] [file]
The file is sources.yaml where none is named. The URL is read from the variable (or its _FILE), and never written.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      from: { type: 'string' },
      name: { type: 'string' },
      schema: { type: 'string', multiple: true },
      'tenant-column': { type: 'string' },
      tenant: { type: 'string' },
      shared: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  const { from } = values;
  if (values.help === true || from === undefined || positionals.length > 1) return tellUsage(USAGE, values.help);
  if (!/^[A-Z][A-Z0-9_]*$/.test(from)) {
    console.error(`--from names a variable, such as SHOP_DATABASE_URL, that holds the URL.\n${USAGE}`);
    return 1;
  }
  const config = loadConfig();
  const url = (): string | undefined => config.current.sourceUrl(from);
  const address = url();
  if (address === undefined) {
    console.error(`${from} is not set, so there is no database to look at.\n${USAGE}`);
    return 1;
  }
  const kind = kindOfUrl(address);
  if (kind === undefined) {
    console.error(
      `${from} holds no URL of a store that can be read. They begin with ${Object.values(KINDS)
        .flatMap(({ schemes }) => schemes)
        .join(', ')}.\n${USAGE}`,
    );
    return 1;
  }
  const name =
    values.name ??
    (from
      .toLowerCase()
      .replace(/_?(database)?_?url$/, '')
      .replaceAll('_', '-') ||
      'store');
  const [path = 'sources.yaml'] = positionals;
  const schemas = values.schema ?? KINDS[kind].schemas;
  const catalog = await lookAt({
    ...config.bounds.sources,
    kind,
    name,
    variable: from,
    url: () => url() ?? '',
    schemas,
  });
  if (catalog.tables.length === 0) {
    console.error(
      `There is no table or view that may be read in ${schemas.join(', ') || 'the database of its URL'}. Name others with --schema, or grant the user what is in them.`,
    );
    return 1;
  }
  const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const tenancy =
    values['tenant-column'] !== undefined
      ? { column: values['tenant-column'] }
      : values.tenant !== undefined
        ? { tenant: values.tenant }
        : values.shared === true
          ? 'shared'
          : undefined;
  const { text, added, gone, undecided } = mergeSource(before, path, {
    name,
    kind,
    variable: from,
    schemas,
    tenancy,
    catalog,
  });
  await writeFile(`${path}.${process.pid}`, text);
  await rename(`${path}.${process.pid}`, path);
  console.log(
    `${before === undefined ? 'Wrote' : 'Added to'} ${path}: ${added} ${added === 1 ? 'table or view' : 'tables and views'} of ${name}${before === undefined ? '' : ' that it did not have'}.`,
  );
  for (const each of gone) console.log(`Gone from the database, and still in the file: ${each}`);
  if (undecided) console.log(`Say in ${path} whose rows they are (\`tenancy\`): nothing is served before.`);
  console.log(`Read it, cut it to what is to be served, and set SOURCES=${path}.`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof ConfigError) console.error(error.message);
  else if (error instanceof CodedError) console.error(redactText(messageWithHint(error)));
  else console.error(redactText((error as Error).message));
  process.exitCode = 1;
}
