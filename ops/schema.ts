/**
 * `npm run schema [-- --check]`: prints the six schemas (`subgraphs/<name>/schema.graphql`) and the API that clients
 * see (`gateway/supergraph/api.graphql`).
 */
import { Supergraph } from '@apollo/federation-internals';
import { buildSchema, lexicographicSortSchema, printSchema, type GraphQLSchema } from 'graphql';
import { parseArgs } from 'node:util';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import { withIncrementalDirectives } from '#gateway/plan/incremental-directives.ts';
import { SUPPORTED_FEATURES } from '#gateway/plan/supported-features.ts';
import { compose } from '#gateway/supergraph/compose.ts';
import { describe } from '#gateway/supergraph/findings.ts';
import { subgraphSdl } from '#subgraphs/shared/subgraph-sdl.ts';
import { SUBGRAPH_NAMES, type SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { reportPrintedFiles, writePrintedFiles, type PrintedFile } from './printed-file.ts';

/** Building a schema must not touch what its resolvers will use; a use would say so by its name. */
const untouched: never = new Proxy(
  {},
  {
    get: (_, name) => (typeof name === 'symbol' ? undefined : untouched),
  },
) as never;

const BUILDERS: Readonly<Record<SubgraphName, () => Promise<GraphQLSchema>>> = {
  relational: async () => (await import('#subgraphs/relational/schema/index.ts')).buildSchema(untouched),
  graph: async () => (await import('#subgraphs/graph/schema/index.ts')).buildSchema(untouched),
  vector: async () => (await import('#subgraphs/vector/schema/index.ts')).buildSchema(untouched),
  object: async () => (await import('#subgraphs/object/schema/index.ts')).buildSchema(untouched),
  inference: async () => (await import('#subgraphs/inference/schema/index.ts')).buildSchema(untouched),
  runs: async () => (await import('#subgraphs/runs/schema/index.ts')).buildSchema(untouched),
};

/** The schema of every subgraph, built without stores, in supergraph order. */
export const subgraphSchemas = async (): Promise<Record<SubgraphName, GraphQLSchema>> =>
  Object.fromEntries(
    await Promise.all(SUBGRAPH_NAMES.map(async (name) => [name, await BUILDERS[name]()] as const)),
  ) as Record<SubgraphName, GraphQLSchema>;

/** The printed schema of every subgraph, in supergraph order. */
export async function printedSubgraphs(): Promise<{ name: SubgraphName; sdl: string }[]> {
  const schemas = await subgraphSchemas();
  return SUBGRAPH_NAMES.map((name) => ({ name, sdl: subgraphSdl(schemas[name]) }));
}

/** What clients see of a supergraph, sorted, so that its diffs show what changed and nothing else. */
export function printedApi(supergraphSdl: string): string {
  const supergraph = Supergraph.build(supergraphSdl, { supportedFeatures: new Set(SUPPORTED_FEATURES) });
  const api = printSchema(supergraph.apiSchema().toGraphQLJSSchema());
  return `${printSchema(lexicographicSortSchema(buildSchema(widenedFilters(withIncrementalDirectives(api), supergraphSdl)))).trimEnd()}\n`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
  const check = values.check === true;
  const subgraphs = await printedSubgraphs();
  const files: PrintedFile[] = subgraphs.map(({ name, sdl }) => ({
    url: new URL(`../subgraphs/${name}/schema.graphql`, import.meta.url),
    text: sdl,
  }));
  const { supergraphSdl, errors } = compose(
    subgraphs.map(({ name, sdl }) => ({
      name,
      sdl,
      url: `local://${name}`,
      origin: `subgraphs/${name}/schema.graphql`,
    })),
  );
  if (supergraphSdl === undefined) {
    // The subgraphs' own files are printed all the same: their lines are what the errors speak of.
    if (!check) await writePrintedFiles(files, { check });
    for (const error of errors) console.error(`error  ${describe(error)}`);
    process.exitCode = 1;
    return;
  }
  files.push({ url: new URL('../gateway/supergraph/api.graphql', import.meta.url), text: printedApi(supergraphSdl) });
  reportPrintedFiles(await writePrintedFiles(files, { check }), { check, command: 'npm run schema' });
}

if (import.meta.url === new URL(process.argv[1] ?? '', 'file://').href) await main();
