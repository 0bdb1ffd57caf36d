/**
 * `npm run persist -- <folders and files> --output <file>`: writes a list of persisted operations from .graphql files, in Apollo's
 * format or Relay's. The server reads it (PERSISTED_OPERATIONS), and so do the clients.
 *
 * Exit codes: 0 written (or, with --check, up to date), 1 an operation is faulty (or the list is stale), 2 wrong usage.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { buildSchema, getOperationAST, parse, type GraphQLSchema } from 'graphql';
import { APOLLO_FORMAT, readManifest, type ManifestOperation } from '#gateway/admission/persisted/manifest.ts';
import { compose } from '#gateway/supergraph/compose.ts';
import { loadSchema } from '#gateway/supergraph/schema-source.ts';
import { readSupergraphFile } from '#gateway/supergraph/supergraph-file.ts';
import { collect, type PersistedOperation } from './persist/collect.ts';
import { writePrintedFiles } from './printed-file.ts';
import { printedApi } from './schema.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = `Usage: npm run persist -- <folders and files of operations> [--output persisted-operations.json]
  --format <apollo|relay>  how it is written (apollo, with the __typename that Apollo's clients add)
  --client <name>          whose alone the operations are; Apollo's format only
  --schema <file>          the API that they must fit (that of the supergraph which SUPERGRAPH names)
  --keep                   keeps what is in the file already, for clients that are out in the world
  --check                  writes nothing, and fails where the file is not up to date`;

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', default: 'persisted-operations.json' },
      format: { type: 'string', default: 'apollo' },
      client: { type: 'string' },
      schema: { type: 'string' },
      keep: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.format !== 'apollo' && values.format !== 'relay') throw new Error('--format must be apollo or relay.');
  if (values.client !== undefined && values.format === 'relay')
    throw new Error("--client has no place in Relay's format.");
  return { ...values, paths: positionals };
}

async function main(): Promise<number> {
  const { paths, output, format, client, schema, keep, check, help } = options();
  if (help || paths.length === 0) {
    return tellUsage(USAGE, help);
  }
  const { operations, faults } = await collect(
    paths,
    schema === undefined ? await apiOfSupergraph() : buildSchema(await readFile(schema, 'utf8')),
    { typename: format === 'apollo' },
  );
  for (const fault of faults) console.error(`error  ${fault}`);
  if (faults.length > 0) return 1;
  if (operations.length === 0) {
    console.error(`There is no operation in ${paths.join(', ')}.`);
    return 1;
  }
  const kept = keep ? await keptOf(output, operations, client) : [];
  const text = format === 'relay' ? relay(operations, kept) : apollo(operations, kept, client);
  const stale = await writePrintedFiles([{ url: pathToFileURL(resolve(output)), text }], { check });
  const count = `${operations.length} ${operations.length === 1 ? 'operation' : 'operations'}${kept.length === 0 ? '' : ` and ${kept.length} kept`}`;
  if (check && stale.length > 0) {
    console.error(`${output} is not up to date. Run \`npm run persist\` as you did, without --check.`);
    return 1;
  }
  console.log(`${output}: ${count}${stale.length === 0 ? ', up to date' : ''}.`);
  return 0;
}

async function apiOfSupergraph(): Promise<GraphQLSchema> {
  const file = process.env.SUPERGRAPH || 'supergraph.yaml';
  const { subgraphs } = await readSupergraphFile(resolve(file));
  const { supergraphSdl, errors } = compose(await Promise.all(subgraphs.map((entry) => loadSchema(entry))));
  if (supergraphSdl === undefined)
    throw new Error(`${file} does not compose (${errors.length} errors): npm run compose tells why.`);
  return buildSchema(printedApi(supergraphSdl));
}

/** What the file has that is not among the new ones. */
async function keptOf(
  output: string,
  operations: readonly PersistedOperation[],
  client: string | undefined,
): Promise<ManifestOperation[]> {
  const text = await readFile(output, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return [];
  const fresh = new Set(operations.map(({ id }) => id));
  return readManifest(text).filter(({ id, clientName }) => clientName !== client || !fresh.has(id));
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const relay = (operations: readonly PersistedOperation[], kept: readonly ManifestOperation[]): string =>
  json(Object.fromEntries([...kept, ...operations].map(({ id, body }) => [id, body])));

function apollo(
  operations: readonly PersistedOperation[],
  kept: readonly ManifestOperation[],
  client: string | undefined,
): string {
  const of = (clientName: string | undefined) => (clientName === undefined ? {} : { clientName });
  return json({
    format: APOLLO_FORMAT,
    version: 1,
    operations: [
      ...kept.map(({ id, body, clientName }) => ({ id, ...namedIn(body), body, ...of(clientName) })),
      ...operations.map((operation) => ({ ...operation, ...of(client) })),
    ],
  });
}

/** Apollo's clients look for operations by their names. */
function namedIn(body: string): { name?: string | undefined; type?: string | undefined } {
  const operation = getOperationAST(parse(body));
  return { name: operation?.name?.value, type: operation?.operation };
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`error  ${(error as Error).message}`);
  process.exitCode = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true ? 2 : 1;
}
