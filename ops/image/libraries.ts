/** The libraries of the system that programs are linked with. */
import { execFile } from 'node:child_process';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Files below a folder that a linker has made: programs and libraries. */
export async function linkedFiles(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  const linked: string[] = [];
  for (const file of files) {
    const path = join(folder, file);
    const found = await lstat(path);
    if (!found.isFile()) continue;
    if (/\.(node|so)$|\.so\./.test(file) || /\/bin\/[^/.]+$/.test(path)) linked.push(path);
  }
  return linked;
}

/**
 * What the system's loader would load for programs and libraries, as absolute paths.
 * @param own a folder whose libraries are there already
 * @throws Error where one is missing
 */
export async function librariesOf(files: readonly string[], own: string): Promise<string[]> {
  const libraries = new Set<string>();
  for (const file of files) {
    const { stdout } = await run('ldd', [file]);
    const missing = /^\s*(\S+) => not found/m.exec(stdout);
    if (missing !== null) throw new Error(`${file} needs ${missing[1]}, which this machine lacks.`);
    for (const [, path] of stdout.matchAll(/(?:=>\s+|^\s+)(\/\S+) \(0x/gm))
      if (!path!.startsWith(own)) libraries.add(path!);
  }
  return [...libraries].sort();
}
