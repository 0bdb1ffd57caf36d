import { followNpm } from './follow-npm.mjs';
import { ensureInstalled } from './install.mjs';
import { outliveReaders } from './outlive-readers.mjs';

/**
 * Runs a TypeScript program in this process, installing its dependencies first. A second process for it would cost some
 * 40 MB and would have to be killed, waited for and followed.
 *
 * Worker threads of the program do not inherit the loader: start them with `startTypeScriptWorker`.
 *
 * @param {URL} program
 */
export async function runTypeScript(program) {
  outliveReaders();
  try {
    // Before anything that takes long: installing is no less unwanted than serving once nobody waits for it.
    await followNpm();
    await ensureInstalled({ dev: false });
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
  const { register } = await import('tsx/esm/api');
  register();
  await import(program.href);
}
