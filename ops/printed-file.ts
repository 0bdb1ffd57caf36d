/** Files that are printed from code and committed: written, or with `--check` compared. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PrintedFile {
  readonly url: URL;
  readonly text: string;
}

/**
 * Writes the files that differ, or says which they are.
 * @returns the files that differed, as paths from the working directory
 */
export async function writePrintedFiles(
  files: readonly PrintedFile[],
  { check }: { check: boolean },
): Promise<string[]> {
  const stale: string[] = [];
  for (const { url, text } of files) {
    const path = fileURLToPath(url);
    const before = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (before === text) continue;
    stale.push(relative(process.cwd(), path));
    if (check) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  return stale;
}

/** Reports and sets the exit code as scripts with `--check` do. */
export function reportPrintedFiles(
  stale: readonly string[],
  { check, command }: { check: boolean; command: string },
): void {
  if (stale.length === 0) console.log('Everything printed is up to date.');
  else if (check) console.error(`Stale: ${stale.join(', ')}. Run \`${command}\` and commit the result.`);
  else console.log(`Printed ${stale.join(', ')}.`);
  if (check && stale.length > 0) process.exitCode = 1;
}
