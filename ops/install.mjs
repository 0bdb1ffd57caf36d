// Installs what package-lock.json names, unless it is installed already: what npm start and npm test do first, for
// scripts that need the dependencies before either.
import { requireSupportedNode } from './bootstrap/node-version.mjs';

requireSupportedNode();

const { ensureInstalled } = await import('./bootstrap/install.mjs');
await ensureInstalled({ dev: true });
