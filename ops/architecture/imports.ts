/** The imports of the project as they stand in its files: what the architecture test judges and the picture draws. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Import {
  /** The importing file, relative to the project's folder. */
  readonly file: string;
  /** What stands in the import, such as `#gateway/errors.ts`. */
  readonly specifier: string;
  /** The imported file, relative to the project's folder; undefined when it is a package. */
  readonly target: string | undefined;
}

/** The program's files in folders of the project, relative to it and sorted. Folders that are not there count as empty. */
export function sourceFiles(folders: readonly string[]): string[] {
  return folders
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
    )
    .filter((path) => /\.(ts|mjs)$/.test(path) && !path.split('/').includes('node_modules'))
    .sort();
}

/** Every import of a file: of values and of types, re-exports, and `import()` with a literal. */
export function importsOf(file: string): Import[] {
  return ts
    .preProcessFile(readFileSync(join(ROOT, file), 'utf8'), true, true)
    .importedFiles.map(({ fileName: specifier }) => ({ file, specifier, target: targetOf(file, specifier) }));
}

function targetOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return relative(ROOT, resolve(ROOT, dirname(file), specifier));
  if (specifier.startsWith('#root/')) return specifier.slice('#root/'.length);
  return specifier.startsWith('#') ? specifier.slice(1) : undefined;
}

/** The room of a file: the folder in gateway/, subgraphs/ … that it is in, or that top folder for the files directly in it. */
export function roomOf(path: string): string {
  const [top, folder, ...below] = path.split('/');
  return folder !== undefined && below.length > 0 ? `${top}/${folder}` : `${top}`;
}
