/**
 * `npm run compare -- --supergraph <file> --operations <folder or file>`: runs recorded operations on this engine and on
 * `@apollo/gateway` (each in a process of its own), or with `--against` on a gateway that runs, and says where data and
 * errors differ, and what each fetched and took. For who comes from another gateway, and for CI (docs/migrating.md).
 *
 * Exit codes: 0 the answers are the same, 1 some differ, 2 nothing could be compared.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { redactText } from '#gateway/telemetry/logger.ts';
import { COMPARE } from './compare/bounds.ts';
import { readRecorded } from './compare/recorded.ts';
import { isDifferent, reportOf, tell, tellTotal } from './compare/report.ts';
import { compareAll } from './compare/run.ts';
import { engineSide, runningSide } from './compare/sides.ts';
import { addressesOf } from './compare/supergraph.ts';
import { tellUsage } from './serve/explain.ts';
import { stopBySignal } from './serve/stop-by-signal.ts';

const USAGE = `Usage: npm run compare -- --supergraph <file> --operations <folder, log or manifest>
  --against <url>          a gateway that runs, in the place of @apollo/gateway
  --subgraph <name>=<url>  where a subgraph answers, over what the supergraph and SUBGRAPH_<NAME>_URL say; may be repeated
  --header '<name>: <value>'  sent to the subgraphs, and to the gateway that runs; may be repeated
  --rounds <n>             how often each operation is run on each side; the first time counts apart (5)
  --mutations              runs mutations too, on both sides
  --strict                 errors that are only worded differently count as differences
  --quiet                  tells only what differs, and the sums
  --json <file>            writes the report for programs as well`;

function options() {
  const { values } = parseArgs({
    options: {
      supergraph: { type: 'string' },
      operations: { type: 'string' },
      against: { type: 'string' },
      subgraph: { type: 'string', multiple: true, default: [] },
      header: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '5' },
      mutations: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      quiet: { type: 'boolean', short: 'q', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > COMPARE.rounds)
    throw new Error(`--rounds must be a whole number from 1 to ${COMPARE.rounds}.`);
  if (values.against !== undefined && !/^https?:\/\//.test(values.against))
    throw new Error('--against must be a URL that starts with http:// or https://.');
  return {
    ...values,
    rounds,
    headers: pairs(values.header, ':', '--header'),
    urls: pairs(values.subgraph, '=', '--subgraph'),
  };
}

/** @throws Error for what has no separator */
function pairs(texts: readonly string[], separator: string, option: string): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf(separator);
      // The value may be a secret: it is not shown.
      if (at < 1) throw new Error(`${option} takes <name>${separator}<value>.`);
      return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
    }),
  );
}

async function main(): Promise<number> {
  const given = options();
  if (given.help || given.supergraph === undefined || given.operations === undefined) {
    return tellUsage(USAGE, given.help);
  }
  const supergraphSdl = await readFile(given.supergraph, 'utf8');
  const urls = addressesOf(supergraphSdl, given.urls, process.env);
  const { operations, passedOver } = await readRecorded(given.operations, given);
  if (operations.length === 0) {
    for (const { title, why } of passedOver) console.error(`Passed over: ${title}: ${why}`);
    console.error(`${given.operations} has no operation to compare.`);
    return 2;
  }
  const stop = stopBySignal();

  const setting = { supergraphSdl, urls, headers: given.headers };
  await using ours = await engineSide('tributary', setting);
  await using theirs = await (given.against === undefined
    ? engineSide('@apollo/gateway', setting)
    : runningSide(given.against, given.headers));
  const compared = await compareAll(operations, [ours, theirs], {
    rounds: given.rounds,
    signal: stop.signal,
    onCompared: (each) => {
      if (!given.quiet || isDifferent(each) || (given.strict && each.wording.length > 0)) console.log(tell(each));
    },
  });
  const report = reportOf([ours.name, theirs.name], compared, passedOver);
  console.log(tellTotal(report));
  if (given.json !== undefined) await writeFile(given.json, `${JSON.stringify(report, undefined, 2)}\n`);
  const { different, worded } = report.total;
  return different > 0 || (given.strict && worded > 0) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(redactText((error as Error).message));
  process.exitCode = 2;
}
