/**
 * `npm run keys -- create | list | rotate | revoke`: makes, lists, rotates and revokes API keys of any tenant, as the operator, who needs no key
 * and no token for it: whoever can read the stores' credentials. Configured by the same variables as the server, beside
 * which it may run, with the embedded store too.
 *
 * A new key is written to standard output, alone; all else to standard error.
 *
 * Exit codes: 0 done, 1 there is no such key, 2 nothing could be done.
 */
import { keysCommand } from './keys/command.ts';
import { CONSOLE } from './serve/command-line.ts';

process.exitCode = await keysCommand(process.argv.slice(2), process.env, CONSOLE);
