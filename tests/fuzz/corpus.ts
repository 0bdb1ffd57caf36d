/** What the fuzzer found, kept in files: asked before anything else in every run. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Case } from './case.ts';

const FOLDER = fileURLToPath(new URL('./corpus/', import.meta.url));

export interface Found {
  /** Of its file. */
  readonly name: string;
  /** What it did, when it was found and on which commit. */
  readonly found: string;
  /** Asked one after the other; texts such as `%times:1000:ab%` are long ones, written shortly. */
  readonly cases: readonly Case[];
}

export async function readCorpus(): Promise<Found[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.json')).sort();
  return await Promise.all(
    names.map(async (name) => {
      const text = await readFile(`${FOLDER}${name}`, 'utf8');
      const long = text.replace(/%times:(\d+):([^%]*)%/g, (_, count, piece: string) => piece.repeat(Number(count)));
      return { name: name.replace('.json', ''), ...(JSON.parse(long) as Omit<Found, 'name'>) };
    }),
  );
}
