import { readFileSync } from 'node:fs';

// This file and the two commands that import it stay within what old versions of Node can parse, or the sentence below
// never appears.

/** Ends the process with one sentence when this Node is older than package.json's `engines` allow. */
export function requireSupportedNode() {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const needed = engines.node.replace(/^>=\s*/, '');
  if (isAtLeast(process.versions.node, needed)) return;
  console.error(
    `This needs Node ${needed} or newer; this is Node ${process.versions.node}. Get it from https://nodejs.org.`,
  );
  process.exit(1);
}

/** Compares two versions of three numbers. */
export function isAtLeast(version, needed) {
  const [have, want] = [version, needed].map((text) => text.split('.').map(Number));
  for (let i = 0; i < want.length; i += 1) {
    if (have[i] !== want[i]) return have[i] > want[i];
  }
  return true;
}
