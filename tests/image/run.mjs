// npm run test:image: makes both images, unpacks and starts them as an orchestrator would, without Docker: needs Linux, root, umoci and
// runc. See docs/testing.md. Arguments are vitest's.
import { requireSupportedNode } from '../../ops/bootstrap/node-version.mjs';

requireSupportedNode();

process.env.TEST_IMAGE = '1';
const { runTests } = await import('../../ops/bootstrap/run-tests.mjs');
await runTests(['tests/image/', ...process.argv.slice(2)]);
