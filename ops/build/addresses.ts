/**
 * Files that the program finds beside itself (`new URL('./x', import.meta.url)`) when many modules have become few: a
 * program of a thread or a process gets a bundle of its own, all else is copied to where it was below the project's folder.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { sourceFiles } from '#ops/architecture/imports.ts';
import type { Plugin } from 'esbuild';

/** Where bundled code is below what is built; from there `..` is what is built. */
export const CODE = 'code';

const ADDRESS = /new URL\(\s*'([\w./-]+)',\s*import\.meta\.url,?\s*\)/g;
/** esbuild sees what `require` loads, and bundles it to be loaded at that moment as well. */
const REQUIRED = /createRequire\(import\.meta\.url\)\('([^']+)'\)/g;
/** These mean the same in a bundle: the program itself, packages that are copied, and whether a module is the program. */
const MEANS_THE_SAME =
  /new URL\(import\.meta\.url\)|createRequire\(import\.meta\.url\)\.resolve\(|import\.meta\.resolve\('tsx'\)|import\.meta\.url === new URL\(process\.argv/g;

/** Only needed where TypeScript is run as it is. */
const NOT_BUILT = new Set(['gateway/supergraph/typescript-worker-entry.mjs']);

const isProgram = (path: string): boolean => /\.(ts|mjs)$/.test(path);

/** What a program is called among the bundles. */
export const bundleName = (path: string): string => path.replace(/\.(ts|mjs)$/, '').replaceAll('/', '-');

/** Programs that the rooms below `ops` start by their address, relative to the project's folder. */
export function startedPrograms(root: string): string[] {
  const found = new Set<string>();
  for (const file of sourceFiles(['gateway', 'subgraphs']))
    for (const [, address] of readFileSync(join(root, file), 'utf8').matchAll(ADDRESS)) {
      const path = relative(root, resolve(root, dirname(file), address!));
      if (isProgram(path) && !NOT_BUILT.has(path)) found.add(path);
    }
  return [...found].sort();
}

/**
 * Gives every address its place in what is built.
 * @param copied is filled with the paths to copy, relative to the project's folder
 */
export function addresses(root: string, programs: ReadonlySet<string>, copied: Set<string>): Plugin {
  return {
    name: 'addresses',
    setup(build) {
      const ours = new RegExp(
        `^${root.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}/?(gateway|subgraphs|ops|examples)/.*\\.(ts|mjs)$`,
      );
      build.onLoad({ filter: ours }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        if (!text.includes('import.meta')) return undefined;
        const contents = text
          .replace(ADDRESS, (_, address: string) => {
            const target = resolve(dirname(path), address);
            const place = relative(root, target);
            if (programs.has(place)) return `new URL('./${bundleName(place)}.mjs', import.meta.url)`;
            if (NOT_BUILT.has(place)) return `new URL('./not-built', import.meta.url)`;
            if (isProgram(place))
              throw new Error(`${relative(root, path)} names ${place}, which is a program that nobody bundles.`);
            // The project's own folder: what is built stands in its place.
            if (place !== '') copied.add(place);
            const folder = place !== '' && statSync(target).isDirectory() ? '/' : '';
            return `new URL('../${place}${folder}', import.meta.url)`;
          })
          .replace(REQUIRED, (_, name: string) => `require('${name}')`);
        const rest = contents.replace(MEANS_THE_SAME, '').match(/^.*(?<!, )import\.meta.*$/m);
        if (rest !== null && !/^\s*(\/\/|\*)/.test(rest[0]))
          throw new Error(`${relative(root, path)}: what this means in a bundle is not known: ${rest[0].trim()}`);
        return { contents, loader: path.endsWith('.ts') ? 'ts' : 'js' };
      });
    },
  };
}
