/** Keys that must outlive a restart, for those who configured none: made once, kept in the data folder. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keepSecret } from '#subgraphs/shared/kept-secrets.ts';

/**
 * The key called `name`, made on first use: 32 random bytes in hexadecimal, in a file that only its owner can read.
 * Processes that start at the same moment agree on one.
 */
export async function generatedSecret(dataDir: string, name: string): Promise<string> {
  const folder = join(dataDir, 'keys');
  const path = join(folder, name);
  const existing = await read(path);
  if (existing !== undefined) return kept(name, existing);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // Written beside its place and then linked into it, so that nobody can ever read half a key.
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString('hex')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return kept(name, (await read(path))!);
}

function kept(name: string, secret: string): string {
  keepSecret(name, secret);
  return secret;
}

/** What API keys are made and verified with: the first makes them; the other is accepted while they are changed. */
export const apiKeyPeppers = async ({
  dataDir,
  keys,
}: {
  readonly dataDir: string;
  readonly keys: { readonly apiKeyPepper: string | undefined; readonly acceptedApiKeyPepper: string | undefined };
}): Promise<[string, ...string[]]> => [
  keys.apiKeyPepper ?? (await generatedSecret(dataDir, 'api-key-pepper')),
  ...(keys.acceptedApiKeyPepper === undefined ? [] : [keys.acceptedApiKeyPepper]),
];

async function read(path: string): Promise<string | undefined> {
  try {
    const secret = (await readFile(path, 'utf8')).trim();
    if (secret.length < 32)
      throw new Error(`The key in ${path} is damaged. Restore it, or remove the file to have another made.`);
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
