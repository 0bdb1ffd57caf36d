// npm run test:workshop: what only those who change Tributary use: the skeletons of `npm run new` and the pre-commit hook, which
// compile and lint the project again and again. See docs/testing.md. Arguments are vitest's.
import { requireSupportedNode } from '../../ops/bootstrap/node-version.mjs';

requireSupportedNode();

process.env.TEST_WORKSHOP = '1';
const { runTests } = await import('../../ops/bootstrap/run-tests.mjs');
await runTests(['tests/workshop/', ...process.argv.slice(2)]);
