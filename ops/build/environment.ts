/** What every command of a built product runs first: what `npm start` sees to before it loads anything. */
import { fileURLToPath } from 'node:url';
import { requireSupportedNode } from '#ops/bootstrap/node-version.mjs';
import { outliveReaders } from '#ops/bootstrap/outlive-readers.mjs';

requireSupportedNode();
outliveReaders();

// Otherwise graphql-js looks, at every value it completes, for a second copy of itself.
process.env['NODE_ENV'] ??= 'production';
process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';
// The product's own supergraph, wherever it is started from.
process.env['SUPERGRAPH'] ||= fileURLToPath(new URL('../../supergraph.yaml', import.meta.url));
