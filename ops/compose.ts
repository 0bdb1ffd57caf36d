/**
 * `npm run compose [-- --strict] [--output <file>] [<supergraph.yaml>]`: composes the supergraph (the one that
 * SUPERGRAPH names, unless one is given) and prints what is wrong with it, with file and line. Exit codes: 0 composed, 1 errors (or, with --strict, hints), 2 wrong usage.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compose } from '#gateway/supergraph/compose.ts';
import { describe } from '#gateway/supergraph/findings.ts';
import { loadSchema } from '#gateway/supergraph/schema-source.ts';
import { readSupergraphFile, SupergraphError } from '#gateway/supergraph/supergraph-file.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = 'Usage: npm run compose [-- --strict] [--output <file>] [<supergraph.yaml>]';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { strict: { type: 'boolean' }, output: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true || positionals.length > 1) {
    return tellUsage(USAGE, values.help);
  }
  const file = positionals[0] ?? (process.env.SUPERGRAPH || 'supergraph.yaml');
  const { subgraphs } = await readSupergraphFile(resolve(file));
  const { supergraphSdl, errors, hints } = compose(await Promise.all(subgraphs.map((entry) => loadSchema(entry))));
  for (const hint of hints) console.error(`hint   ${describe(hint)}`);
  for (const error of errors) console.error(`error  ${describe(error)}`);
  if (supergraphSdl === undefined) {
    console.error(`The subgraphs do not compose: ${errors.length} ${errors.length === 1 ? 'error' : 'errors'}.`);
    return 1;
  }
  if (values.output !== undefined) await writeFile(values.output, supergraphSdl);
  console.log(
    `Composed ${subgraphs.length} subgraphs (${subgraphs.map(({ name }) => name).join(', ')}): ${hints.length} ${hints.length === 1 ? 'hint' : 'hints'}.`,
  );
  return values.strict === true && hints.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof SupergraphError) && (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') !== true)
    throw error;
  console.error(`error  ${(error as Error).message}`);
  process.exitCode = error instanceof SupergraphError ? 1 : 2;
}
