/**
 * `npm run build [-- --out <folder>]`: the product as bundled JavaScript, which starts without TypeScript's loader and
 * without an install: `node dist/serve.mjs`, `node dist/keys.mjs` and so on (docs/production.md).
 *
 * Exit codes: 0 built, 1 it could not be, 2 wrong usage.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildProduct } from './build/bundle.ts';
import { tellUsage } from './serve/explain.ts';

const USAGE = `Usage: npm run build [-- --out <folder>]

  --out  where it is built; what is there is replaced (dist)`;

const ROOT = fileURLToPath(new URL('../', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { out: { type: 'string', default: 'dist' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return tellUsage(USAGE, true);
  const out = resolve(values.out);
  await buildProduct(ROOT, out);
  console.log(`Built ${values.out}: node ${values.out}/serve.mjs`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
