/** `npm run example:librarian [-- <url>]`: the librarian in a process of its own, on a server that runs already. */
import { runLibrarian } from './librarian.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const url = process.argv[2] ?? process.env['TRIBUTARY_URL'] ?? 'http://127.0.0.1:4000';
console.log(`The librarian works for ${url}. Ctrl-C ends it; what it has begun, it finishes at its next start.`);
await runLibrarian({
  url,
  authorization: process.env['TRIBUTARY_AUTHORIZATION'],
  signal: stop.signal,
  onError: (error) => console.error((error as Error).message),
});
