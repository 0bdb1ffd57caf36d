/**
 * `npm run graph:introspect -- <file>`: writes a first model of the Neo4j at NEO4J_URI (see docs/graph-model.md): its
 * labels, relations and properties as type definitions, which a person then cuts to what is to be served. Our own
 * labels are left out. It reads, and it reads all tenants: run it as whoever administers the database.
 *
 * Exit codes: 0 the file is written, 1 it is not, and standard error says why.
 */
import { access, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '#gateway/config/config.ts';
import { redactText } from '#gateway/telemetry/logger.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { introspect } from './graph-introspect/introspect.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = 'Usage: NEO4J_URI=… NEO4J_PASSWORD=… npm run graph:introspect -- [--force] <file>';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { force: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [file] = positionals;
  if (values.help === true || file === undefined || positionals.length > 1) {
    return tellUsage(USAGE, values.help);
  }
  // The file may be what GRAPH_MODEL names already, and not be there yet.
  const config = loadConfig();
  const { neo4j, graphModel } = config.stores;
  if (neo4j === undefined || neo4j === 'off') {
    console.error(`NEO4J_URI is not set, so there is no database to look at.\n${USAGE}`);
    return 1;
  }
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (exists && values.force !== true) {
    console.error(`${file} is there already; --force replaces it.`);
    return 1;
  }
  const tenantProperty = graphModel?.tenantProperty ?? 'tenantId';
  const { text, types, without } = await introspect(
    { ...neo4j, password: config.current.value('NEO4J_PASSWORD') ?? '' },
    tenantProperty,
  );
  if (types.length === 0) {
    console.error('The database has no labels of your own.');
    return 1;
  }
  await writeFile(file, text);
  console.log(
    `Wrote ${types.length} ${types.length === 1 ? 'type' : 'types'} to ${file}. Read it, cut it to what is to be served, and set GRAPH_MODEL=${file}.`,
  );
  if (without.length > 0)
    console.log(
      `Nodes without ${tenantProperty} are nobody's, and will not be seen: ${without.join(', ')}. Set GRAPH_MODEL_TENANT if your property has another name.`,
    );
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof ConfigError) console.error(error.message);
  else if (error instanceof CodedError) console.error(redactText(`${error.message} ${error.extensions.hint ?? ''}`));
  else console.error(redactText((error as Error).message));
  process.exitCode = 1;
}
