import { followNpm } from '#ops/bootstrap/follow-npm.mjs';
import { runTests } from '#ops/bootstrap/run-tests.mjs';

import { COMPOSE_JOINT_SUITES, composeStores } from './compose.ts';
import { parseOptions, USAGE, type StoreTestOptions } from './options.ts';
import { suitesOf, unproven } from './proof.ts';
import { NotProvisioned, type RunningStore, type Store } from './provision/store.ts';
import { openWorkplace, type Workplace } from './provision/workplace.ts';
import { JOINT_SUITES, STORES } from './stores.ts';

/** What became of a store: it runs, it cannot be had here, or it was had and does not run. */
type Outcome =
  { store: Store; running: RunningStore } | { store: Store; missing: string } | { store: Store; broken: unknown };

/** What a script of this kind has to start, and to run on it. */
export interface Tested {
  readonly known: readonly Store[];
  readonly joint: readonly { suite: string; needs: readonly string[] }[];
  readonly usage: string;
}

/** What `npm run test:stores` has. */
const testedBy = (args: readonly string[]): Tested =>
  args.includes('--compose')
    ? { known: composeStores(), joint: COMPOSE_JOINT_SUITES, usage: USAGE }
    : { known: STORES, joint: JOINT_SUITES, usage: USAGE };

/** Starts the stores, runs the suites that need them, and ends the process as `runTests` does. */
export async function testStores(args: readonly string[], tested = testedBy(args)): Promise<never> {
  let options: StoreTestOptions;
  try {
    options = parseOptions(args, tested.known);
  } catch (error) {
    return await fail(`${(error as Error).message}\n${tested.usage}`);
  }
  const workplace = await openWorkplace((line) => console.log(`  ${line}`));
  const running = new Map<Store, RunningStore>();
  const close = async (): Promise<void> => {
    await Promise.all([...running.values()].map((store) => store.close()));
    await workplace.close();
  };
  endInOrder(close);
  await followNpm();

  console.log(`Starting ${options.stores.map(({ title }) => title).join(', ')}`);
  const outcomes = await Promise.all(
    options.stores.map(async (store) => {
      const outcome = await start(store, workplace);
      if ('running' in outcome) running.set(store, outcome.running);
      return outcome;
    }),
  );
  const { failed, skipped } = report(outcomes, options.named || isCi());
  const started = [...running.keys()];
  const joint = tested.joint.filter(({ needs }) => needs.every((name) => started.some((store) => store.name === name)));
  const suites = [...started.flatMap((store) => suitesOf(store, options.all)), ...joint.map(({ suite }) => suite)];
  if (suites.length === 0) {
    await close();
    return await fail('Nothing of it runs, so there is nothing to test.', failed, skipped);
  }
  for (const store of running.values()) Object.assign(process.env, store.env);
  return await runTests([...suites, ...options.vitest], {
    close,
    examine: (files) => {
      const gaps = selects(options.vitest)
        ? []
        : unproven(
            [...started, ...joint.map(({ suite, needs }) => ({ name: needs.join(', '), suites: [suite] }))],
            options.all,
            files,
          );
      for (const gap of gaps) console.error(`NOT PROVEN  ${gap}`);
      // Again, because what is far above is not visible.
      report(
        outcomes.filter((outcome) => !('running' in outcome)),
        options.named || isCi(),
      );
      return { failed: failed + gaps.length, skipped };
    },
  });
}

async function start(store: Store, workplace: Workplace): Promise<Outcome> {
  const since = performance.now();
  try {
    const missing = await store.available(workplace);
    if (missing !== undefined) return { store, missing };
    const running = await store.start(workplace);
    workplace.say(`${store.name}: up after ${((performance.now() - since) / 1000).toFixed(1)} s`);
    return { store, running };
  } catch (error) {
    return error instanceof NotProvisioned ? { store, missing: error.message } : { store, broken: error };
  }
}

/**
 * Says which stores are not there. One that cannot be had is skipped, or fails the run where it is needed; one that
 * does not run fails it.
 */
function report(outcomes: readonly Outcome[], needed: boolean): { failed: number; skipped: number } {
  let [failed, skipped] = [0, 0];
  for (const outcome of outcomes) {
    if ('running' in outcome) continue;
    if ('missing' in outcome && !needed) skipped += 1;
    else failed += 1;
    if ('missing' in outcome)
      console.error(`${needed ? 'FAILED' : 'SKIPPED'}  ${outcome.store.name} cannot be had here: ${outcome.missing}`);
    else console.error(`FAILED  ${outcome.store.name} does not run:`, outcome.broken);
  }
  return { failed, skipped };
}

/**
 * Ends the servers and removes their data when somebody wants this process to end; what is killed outright, the
 * supervisors end.
 */
function endInOrder(close: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      console.error(`Ending (${signal}) …`);
      close().then(
        () => process.exit(1),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
  }
}

function isCi(): boolean {
  return /^(1|true)$/i.test(process.env['CI'] ?? '');
}

/** Whether vitest was told to run some of the tests only, which then skips the others rightly. */
function selects(args: readonly string[]): boolean {
  return args.some((arg) => /^(-t\b|--testNamePattern|--shard|--bail|--changed)/.test(arg));
}

async function fail(message: string, failed = 0, skipped = 0): Promise<never> {
  console.error(message);
  await new Promise((done) => process.stdout.write(`0 passed, ${failed || 1} failed, ${skipped} skipped\n`, done));
  process.exit(1);
}
