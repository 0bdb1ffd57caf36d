/**
 * `npm run backup -- --to <folder>`: all rows of PostgreSQL at one moment and all objects, as one consistent set in a plain folder with a manifest
 * of counts and hashes. Configured by the same variables as the server, beside which it may run, with the embedded store too.
 *
 * Exit codes: 0 done, 1 the backup is not whole, 2 nothing could be done.
 */
import { backupCommand } from './backup/command.ts';
import { CONSOLE } from './serve/command-line.ts';

process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';

process.exitCode = await backupCommand('backup', process.argv.slice(2), process.env, CONSOLE);
