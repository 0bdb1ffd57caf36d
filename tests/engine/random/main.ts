/**
 * `npm run oracle`: random cases (`cases.ts`) of a fresh seed, which is printed first, for as long as one wants. It ends
 * with counts, and with 1 where a case failed; each fault is told with its smallest operation.
 *
 *     npm run oracle -- --minutes 10        # or --cases 20000; both: whichever comes first. Default: one minute
 *     npm run oracle -- --seed 12345        # what that seed asked
 *     npm run oracle -- --model 38749990 --operation 38749995 [--kind mutation] [--generation 2]   # one case, with its subgraphs
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { compareModel, compareOperation, counts, depthOf, Fault, type CaseKind } from './cases.ts';
import { federateModel } from './federated-model.ts';
import { Random } from './random.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' },
    cases: { type: 'string' },
    seed: { type: 'string' },
    model: { type: 'string' },
    operation: { type: 'string' },
    kind: { type: 'string', default: 'query' },
    generation: { type: 'string' },
  },
});

/** Which kinds are asked in turn; a model is asked one of them. */
const KINDS: readonly CaseKind[] = ['query', 'query', 'query', 'mutation', 'subscription', 'deferred'];
const OPERATIONS = 20;
/** Faults are mostly of one kind: so many are shown, the others counted. */
const SHOWN_FAULTS = 10;
const REPORT_EVERY_MS = 30_000;

const numberOption = (name: 'minutes' | 'cases' | 'seed' | 'model' | 'operation' | 'generation') => {
  const given = options[name];
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!(value >= 0) || given.trim() === '') {
    console.error(`--${name} takes a number, not ${JSON.stringify(given)}.`);
    process.exit(2);
  }
  return value;
};

const kind = KINDS.find((each) => each === options.kind);
if (kind === undefined) {
  console.error(`--kind takes one of ${[...new Set(KINDS)].join(', ')}.`);
  process.exit(2);
}

const model = numberOption('model');
process.exitCode =
  model === undefined ? await explore() : await repeat(model, numberOption('operation') ?? model, kind);

async function explore(): Promise<number> {
  const seed = numberOption('seed') ?? randomInt(2 ** 31);
  const most = numberOption('cases') ?? Infinity;
  const minutes = numberOption('minutes') ?? (most === Infinity ? 1 : Infinity);
  const started = performance.now();
  const isOver = (): boolean => compared + faults >= most || performance.now() - started >= minutes * 60_000;
  const random = new Random(seed);
  const byKind: Partial<Record<CaseKind, number>> = {};
  let [models, compared, faults, reported] = [0, 0, 0, started];
  const report = (): void =>
    console.log(
      `${compared} cases on ${models} models (${Object.entries(byKind)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ')}; ${counts.streamed} in parts, ${counts.outages} with a subgraph down): ` +
        `${faults} ${faults === 1 ? 'fault' : 'faults'}, ${((performance.now() - started) / 60_000).toFixed(1)} min`,
    );
  console.log(`seed ${seed}`);
  while (!isOver()) {
    const each = KINDS[models % KINDS.length]!;
    try {
      const added = await compareModel(random.below(2 ** 31), OPERATIONS, each);
      compared += added;
      byKind[each] = (byKind[each] ?? 0) + added;
    } catch (error) {
      faults += 1;
      if (faults <= SHOWN_FAULTS) show(error as Error);
    }
    models += 1;
    if (performance.now() - reported < REPORT_EVERY_MS) continue;
    reported = performance.now();
    report();
  }
  report();
  return faults === 0 ? 0 : 1;
}

function show(error: Error): void {
  console.log(`\n${error instanceof Fault ? error.message : error.stack}`);
  if (error instanceof Fault)
    console.log(`npm run oracle -- --model ${error.model} --operation ${error.operation} --kind ${error.kind}\n`);
}

async function repeat(seed: number, operation: number, of: CaseKind): Promise<number> {
  const federated = federateModel(seed, numberOption('generation'));
  for (const [name, { typeDefs }] of Object.entries(federated.subgraphs)) console.log(`# ${name}\n${typeDefs}\n`);
  try {
    const isValid = await compareOperation(federated, operation, of, depthOf(operation));
    console.log(isValid ? 'The answers are equal.' : 'This operation is not valid on this model.');
    return 0;
  } catch (error) {
    show(error as Error);
    return 1;
  }
}
