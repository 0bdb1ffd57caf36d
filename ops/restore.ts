/**
 * `npm run restore -- --from <folder>`: restores what `npm run backup` has made into stores that are empty, and compares. The server must not run.
 *
 * Exit codes: 0 done, 1 the backup is not whole, or the target is not empty, 2 nothing could be done.
 */
import { backupCommand } from './backup/command.ts';
import { CONSOLE } from './serve/command-line.ts';

process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';

process.exitCode = await backupCommand('restore', process.argv.slice(2), process.env, CONSOLE);
