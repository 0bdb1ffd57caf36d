/**
 * What this process was given as a secret, so that nothing of it is said: not by its own words, nor by those of a store, a
 * model server or a subgraph that tells back what it was sent. Of the process as a whole, since every error passes here.
 */
import { SHARED } from './bounds.ts';

/** What would take parts of ordinary sentences away. */
const WORD = /^[a-z]+$/i;

/** In the forms in which they are met: as they are, in URLs, in JSON, and within base64, as `Basic` credentials are. */
const kept = new Map<string, string>();

/** Has a secret left out of errors and logs from now on. @param name what is said in its place, such as its variable */
export function keepSecret(name: string, secret: string): void {
  if (secret.length < SHARED.secretCharacters || WORD.test(secret)) return;
  const said = `[${name}]`;
  for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) kept.set(form, said);
  // Three bytes are four characters, so it begins at one of three places; what its neighbours change is left out.
  for (const shift of [0, 1, 2]) {
    const coded = Buffer.from(`${' '.repeat(shift)}${secret}`).toString('base64');
    const certain = coded.slice(shift === 0 ? 0 : 4, coded.endsWith('=') ? -4 : undefined);
    if (certain.length >= SHARED.secretCharacters) kept.set(certain, said);
  }
}

/** `text` with nothing left of any secret. */
export function withoutSecrets(text: string): string {
  let told = text;
  for (const [secret, said] of kept) if (told.includes(secret)) told = told.replaceAll(secret, said);
  return told;
}

/** `value`, of JSON, with nothing left of any secret in its texts; the same object where there was none. */
export function withoutSecretsIn<Value>(value: Value, depth = 0): Value {
  if (typeof value === 'string') return withoutSecrets(value) as Value;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= SHARED.secretLevels) return null as Value;
  const entries = Object.entries(value);
  const told = entries.map(([key, item]) => [key, withoutSecretsIn<unknown>(item, depth + 1)] as const);
  if (told.every(([, item], index) => item === entries[index]![1])) return value;
  return (Array.isArray(value) ? told.map(([, item]) => item) : Object.fromEntries(told)) as Value;
}
