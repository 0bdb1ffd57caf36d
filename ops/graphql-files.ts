/** Files of operations, for the commands that read them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

const ENDINGS = ['.graphql', '.gql'];

/** Whether a file is one by its name. */
export const isGraphqlFile = (file: string): boolean => ENDINGS.includes(extname(file));

/** Those of a folder, at any depth, in the order of their paths. */
export async function graphqlFilesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && isGraphqlFile(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** @throws Error for a file of more than `bytes`, or one that cannot be read */
export async function readTextFile(file: string, bytes: number): Promise<string> {
  const { size } = await stat(file);
  if (size > bytes) throw new Error(`${file} is larger than ${bytes} bytes.`);
  return await readFile(file, 'utf8');
}
