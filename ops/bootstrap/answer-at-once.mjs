import { askHealth } from './health.mjs';
import { START_USAGE } from './start-usage.mjs';

/**
 * Answers what needs no server, `--help` and `--health`, and ends the process; else returns.
 *
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
export async function answerAtOnce(args, env) {
  if (args.some((argument) => argument === '--help' || argument === '-h')) {
    console.log(START_USAGE);
    process.exit(0);
  }
  if (!args.includes('--health')) return;
  const { ready, line } = await askHealth(env);
  if (ready) console.log(line);
  else console.error(line);
  process.exit(ready ? 0 : 1);
}
