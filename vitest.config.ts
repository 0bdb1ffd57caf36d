import { createRequire } from 'node:module';

import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would give the tests graphql's ES modules and Node gives everything else its CommonJS: two copies, whose
  // schemas refuse each other.
  resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(import.meta.url).resolve('graphql') }] },
  test: {
    include: ['{tests,gateway,subgraphs,ops,examples}/**/*.test.ts'],
    // The workshop's have a command of their own (`npm run test:workshop`).
    exclude: [
      '**/node_modules/**',
      'tests/bench/**',
      ...(process.env['TEST_WORKSHOP'] === undefined ? ['tests/workshop/**'] : []),
    ],
    globalSetup: ['tests/setup/global.ts'],
    // Processes, not threads: suites start servers, workers and signal handlers of their own. Two, because so are the
    // cores of a small machine.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
  },
});
