// npm start: installs what is missing, then serves in this very process. Arguments are the gateway's.
import { requireSupportedNode } from './bootstrap/node-version.mjs';
import { answerAtOnce } from './bootstrap/answer-at-once.mjs';

requireSupportedNode();

// Before anything is installed for it.
await answerAtOnce(process.argv.slice(2), process.env);

// Otherwise graphql-js looks, at every value it completes, for a second copy of itself: a sixth of an operation's time.
process.env.NODE_ENV ??= 'production';

// Only now: what follows is written for the versions of Node that passed.
const { runTypeScript } = await import('./bootstrap/run-typescript.mjs');
await runTypeScript(new URL('./serve/main.ts', import.meta.url));
