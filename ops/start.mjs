// npm start: installs what is missing, then serves in this very process. Arguments are the gateway's.
import { requireSupportedNode } from './bootstrap/node-version.mjs';

requireSupportedNode();

// Only now: what follows is written for the versions of Node that passed.
const { runTypeScript } = await import('./bootstrap/run-typescript.mjs');
await runTypeScript(new URL('../gateway/main.ts', import.meta.url));
