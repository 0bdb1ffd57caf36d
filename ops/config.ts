/**
 * `npm run config [-- --check]`: every setting, from where it comes (environment, file, default), and what is wrong: values that
 * cannot be, settings that contradict each other, names that nothing reads,
 * scopes that nothing asks for. Never the value of a secret.
 *
 * Exit codes: 0 done, 1 something is wrong (with `--check`), 2 used otherwise.
 */
import { outliveReaders } from './bootstrap/outlive-readers.mjs';
import { configCommand } from './config/command.ts';
import { scopesOfSources } from './config/unknown-scopes.ts';
import { CONSOLE } from './serve/command-line.ts';

outliveReaders();
const ofSources = await scopesOfSources(process.env['SOURCES']);
process.exitCode = configCommand(process.argv.slice(2), process.env, CONSOLE, ofSources);
