// npm run test:stores: starts real stores and runs the suites that need them. See docs/testing.md.
import { ensureInstalled } from '../../ops/bootstrap/install.mjs';
import { requireSupportedNode } from '../../ops/bootstrap/node-version.mjs';

requireSupportedNode();

await ensureInstalled({ dev: true });
const { register } = await import('tsx/esm/api');
register();
const { testStores } = await import('./main.ts');
await testStores(process.argv.slice(2));
