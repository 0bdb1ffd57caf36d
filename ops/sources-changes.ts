/**
 * `npm run -s sources:changes`: prints the SQL that makes a PostgreSQL record the changes of the tables of which the file of
 * sources says `changes: log`, for the owner of the tables to read and run. It reads the catalogue only, as the user of the
 * URL, and changes nothing.
 *
 * Exit codes: 0 the SQL is printed, 1 it is not, and standard error says why.
 */
import { parseArgs } from 'node:util';
import { loadConfig } from '#gateway/config/config.ts';
import { changeLogSql, removeChangeLogSql } from '#subgraphs/sources/changes/postgres-log.ts';
import { lookAt } from '#subgraphs/sources/index.ts';
import { parseSources, readSources } from '#subgraphs/sources/model/read.ts';
import { tellUsage } from './serve/explain.ts';
import { run } from './sources/run.ts';
import { loggedTables } from './sources/logged.ts';

const USAGE = `Usage: SHOP_DATABASE_URL=postgres://… npm run -s sources:changes -- [--source shop] [--keep '1 day'] [--no-notify]
         [--reader shop_reader] [--remove] [file]
The file is sources.yaml where none is named, the reader the user of the URL. What is printed is for the owner of the tables:
  npm run -s sources:changes | psql postgres://owner:…@db.example/shop`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      source: { type: 'string' },
      keep: { type: 'string', default: '1 day' },
      reader: { type: 'string' },
      'no-notify': { type: 'boolean', default: false },
      remove: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
  });
  if (values.help === true || positionals.length > 1) return tellUsage(USAGE, values.help);
  const { text, shown } = await readSources(positionals[0] ?? 'sources.yaml');
  const { data } = parseSources(text, shown);
  const recorded = Object.entries(data.sources).filter(
    ([name, { types = {} }]) =>
      (values.source === undefined || name === values.source) &&
      Object.values(types).some(({ changes }) => changes === 'log'),
  );
  const [only] = recorded;
  if (only === undefined || recorded.length > 1) {
    console.error(
      only === undefined
        ? `${shown} says \`changes: log\` of no type${values.source === undefined ? '' : ` of ${values.source}`}.`
        : `${shown} says \`changes: log\` in several sources: name one with --source, ${recorded.map(([name]) => name).join(' or ')}.`,
    );
    return 1;
  }
  const [name, settings] = only;
  if (settings.kind !== 'postgres') {
    console.error(`${name} is a ${settings.kind}, which keeps no record of changes. Say \`changes: { column: … }\`.`);
    return 1;
  }
  const config = loadConfig();
  const address = config.current.sourceUrl(settings.url);
  if (address === undefined) {
    console.error(`${settings.url} is not set, so there is no database to look at.\n${USAGE}`);
    return 1;
  }
  const catalog = await lookAt({
    ...config.bounds.sources,
    kind: settings.kind,
    name,
    variable: settings.url,
    url: () => address,
    schemas: settings.schemas,
  });
  const { tables, faults } = loggedTables(settings, catalog);
  if (faults.length > 0) {
    console.error(faults.map((fault) => `${shown}: ${name}: ${fault}`).join('\n'));
    return 1;
  }
  const { keep } = values;
  const reader = values.reader ?? decodeURIComponent(new URL(address).username);
  if (reader === '') {
    console.error(`${settings.url} names no user. Name the role that the gateway reads as: --reader.`);
    return 1;
  }
  console.log(
    values.remove ? removeChangeLogSql(tables) : changeLogSql(tables, { keep, notify: !values['no-notify'], reader }),
  );
  return 0;
}

await run(main);
