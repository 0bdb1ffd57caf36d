// npm run test:stacks [-- --only nginx,caddy] [-- --all]: runs the product in and behind what its users run it in and behind, each had from a
// package registry. See docs/stacks/README.md.
import { ensureInstalled } from '../../ops/bootstrap/install.mjs';
import { requireSupportedNode } from '../../ops/bootstrap/node-version.mjs';

requireSupportedNode();

await ensureInstalled({ dev: true });
const { register } = await import('tsx/esm/api');
register();
const { testStacks } = await import('./main.ts');
await testStacks(process.argv.slice(2));
