/**
 * `npm run doctor`: looks at every store that the configuration names, all at once and none for longer than it may take: whether it
 * answers, which version it is, what rights are missing, which migrations are pending, and what to do about each fault.
 * Without secrets. It may run beside the server.
 *
 * Exit codes: 0 nothing is wrong (warnings may be), 1 something is, 2 the configuration is.
 */
import { outliveReaders } from './bootstrap/outlive-readers.mjs';
import { doctorCommand } from './doctor/command.ts';
import { CONSOLE } from './serve/command-line.ts';

process.env['APOLLO_TELEMETRY_DISABLED'] = 'true';

outliveReaders();
const code = await doctorCommand(process.argv.slice(2), process.env, CONSOLE);
// A store that accepts connections and says nothing would keep this process.
process.exit(code);
