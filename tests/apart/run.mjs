// npm run test:apart: what is asked of a whole server, once more with all six subgraphs as servers of their own. See
// docs/testing.md. Arguments are vitest's; files that are named run in the place of these.
import { requireSupportedNode } from '../../ops/bootstrap/node-version.mjs';

requireSupportedNode();

/** Suites whose server is that of tests/setup/server.ts, and that ask what the product answers and not how it is made. */
const SUITES = [
  'tests/e2e/contract',
  'tests/e2e/hints',
  'tests/e2e/ingest',
  'tests/e2e/librarian',
  'tests/e2e/model-limits',
  'tests/e2e/projects/projects',
  'tests/e2e/run-events',
  'tests/e2e/scopes',
  'tests/faults/apart',
  'tests/faults/disk',
  'tests/gateway/agents',
  'tests/gateway/reconcile',
];

process.env.TEST_APART = '1';
const given = process.argv.slice(2);
const { runTests } = await import('../../ops/bootstrap/run-tests.mjs');
await runTests(given.some((each) => each.startsWith('tests/')) ? given : [...SUITES, ...given]);
