// npm run test:nodes: runs what depends on Node itself on the supported versions of Node that this one is not. See
// docs/testing.md.
import { ensureInstalled } from '../../ops/bootstrap/install.mjs';
import { requireSupportedNode } from '../../ops/bootstrap/node-version.mjs';

requireSupportedNode();

await ensureInstalled({ dev: true });
const { register } = await import('tsx/esm/api');
register();
const { testOnOtherNodes } = await import('./main.ts');
await testOnOtherNodes(process.argv.slice(2));
