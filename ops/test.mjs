// npm test: installs what is missing, then runs the tests. Arguments are vitest's, such as names of files or `-t
// pattern`.
import { requireSupportedNode } from './bootstrap/node-version.mjs';

requireSupportedNode();

const { runTests } = await import('./bootstrap/run-tests.mjs');
await runTests(process.argv.slice(2));
