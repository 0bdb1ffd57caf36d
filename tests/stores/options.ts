import type { Store } from './provision/store.ts';

export interface StoreTestOptions {
  /** The stores to start. */
  stores: readonly Store[];
  /** Whether they were named, so that each is needed. */
  named: boolean;
  /** Whether slow stores and suites run too. */
  all: boolean;
  /** Take the servers from ops/compose. */
  compose: boolean;
  /** What is left for vitest. */
  vitest: readonly string[];
}

export const USAGE = `npm run test:stores [-- [--only <store>,<store>] [--all] [--compose] [options of vitest]]`;

/**
 * Reads the command line.
 *
 * @throws Error that says what is wrong with it.
 */
export function parseOptions(args: readonly string[], known: readonly Store[]): StoreTestOptions {
  const options = { stores: known, named: false, all: false, compose: false, vitest: [] as string[] };
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i]!;
    const only = arg === '--only' ? (args[(i += 1)] ?? '') : /^--only=(.*)$/.exec(arg)?.[1];
    if (only !== undefined) Object.assign(options, { stores: named(only, known), named: true });
    else if (arg === '--all') options.all = true;
    else if (arg === '--compose') options.compose = true;
    else options.vitest.push(arg);
  }
  if (!options.named && !options.all) options.stores = known.filter(({ slow }) => slow !== true);
  return options;
}

function named(list: string, known: readonly Store[]): Store[] {
  const names = list
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const there = known.map(({ name }) => name);
  const unknown = names.filter((name) => !there.includes(name));
  if (unknown.length > 0 || names.length === 0) {
    throw new Error(
      `--only takes some of ${there.join(', ')}${unknown.length > 0 ? `; there is no ${unknown.join(', ')}` : ''}.`,
    );
  }
  return known.filter(({ name }) => names.includes(name));
}
