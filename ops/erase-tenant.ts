/**
 * `npm run erase-tenant -- --tenant <id> [--project <name>] [--yes]`: erases everything of a tenant, or of one of its projects, from every
 * store, and writes a signed report; without `--yes` it counts what there is. `--verify <report>` looks whether a report is
 * whole. Configured by the same variables as the server, beside which it may run, with the embedded store too.
 *
 * Exit codes: 0 done, 1 something was written meanwhile, or a report is not whole, 2 nothing could be done.
 */
import { eraseCommand } from './erasure/command.ts';
import { CONSOLE } from './serve/command-line.ts';

process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';

process.exitCode = await eraseCommand(process.argv.slice(2), process.env, CONSOLE);
