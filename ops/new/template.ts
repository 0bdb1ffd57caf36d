/** Skeletons: templates filled with names, laid out as everything else, and never written over what is there. */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';

/** What a skeleton is made of and what it leaves to do. */
export interface Skeleton {
  /** New files by path from the project's folder. */
  readonly created: ReadonlyMap<string, string>;
  /** Existing files with what they become. */
  readonly changed: ReadonlyMap<string, string>;
  /** What to do next, for a person. */
  readonly next: string;
}

/** Names that cannot be meant; the message says which can. */
export class NewError extends Error {}

/**
 * A template of this folder with its `{{names}}` filled in.
 * @param path such as `driver/vector.test.ts.txt`
 * @throws Error for a name that the template has and `values` lacks: a fault of the template
 */
export async function fill(path: string, values: Readonly<Record<string, string>>): Promise<string> {
  const template = await readFile(new URL(path, import.meta.url), 'utf8');
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${path} asks for {{${name}}}, which nobody fills in.`);
    return value;
  });
}

/**
 * Writes a skeleton, all of it or nothing.
 * @param root the project's folder
 * @throws NewError where a file that is to be created exists
 */
export async function writeSkeleton(root: string, { created, changed }: Skeleton): Promise<void> {
  for (const path of created.keys()) {
    if (await exists(join(root, path))) throw new NewError(`${path} exists already.`);
  }
  const files = await Promise.all(
    [...created, ...changed].map(async ([path, text]) => {
      const file = join(root, path);
      return [file, await laidOut(file, text)] as const;
    }),
  );
  for (const [file, text] of files) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

async function laidOut(file: string, text: string): Promise<string> {
  if (!file.endsWith('.ts')) return text;
  return await format(text, { ...(await resolveConfig(file)), filepath: file });
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
