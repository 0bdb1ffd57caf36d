/** What something was built of. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** SOURCE_DATE_EPOCH, the convention for builds that can be repeated; else when the last commit was made. In seconds. */
export async function sourceTime(root: string): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined && /^\d{1,10}$/.test(given)) return Number(given);
  return Number(await git(root, 'log', '-1', '--format=%ct')) || 0;
}

/** The commit; undefined where git knows none. */
export const revision = async (root: string): Promise<string | undefined> =>
  (await git(root, 'rev-parse', 'HEAD')) || undefined;

/** What git says; nothing where there is none, as in a build of Docker's. */
const git = (root: string, ...args: string[]): Promise<string> =>
  run('git', args, { cwd: root }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
