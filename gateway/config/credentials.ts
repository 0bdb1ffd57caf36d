/**
 * Credentials that change under a running server: what was given as a file is read anew whenever a connection is made.
 */
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { keepSecret } from '#subgraphs/shared/kept-secrets.ts';
import { secretParts } from './secret-parts.ts';
import { Variables, type VariableName, type VariableValues } from './variables.ts';

/**
 * The text of a variable that may be given as a file, as it is now; undefined where neither is set.
 * @param faults told of a file that cannot be read
 */
export function readVariable(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  faults: string[],
): string | undefined {
  // Compose files and charts write `NAME=` for what is not set.
  const [text, file] = [env[name] || undefined, env[`${name}_FILE`] || undefined];
  if (file === undefined) return text;
  if (text !== undefined) {
    faults.push(`${name} and ${name}_FILE are both set; keep one of them.`);
    return text;
  }
  try {
    const held = readFileSync(file, 'utf8').replace(/\r?\n$/, '') || undefined;
    if (held === undefined) faults.push(`${name}_FILE names an empty file.`);
    return held;
  } catch (error) {
    faults.push(
      `${name}_FILE names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
    );
    return undefined;
  }
}

/**
 * A function that tells a variable's value as it is now; the one before, while its file cannot be read or holds nothing
 * that may stand there.
 * @param raw the values at start, by name
 */
export function currentValues(
  env: Readonly<Record<string, string | undefined>>,
  raw: Readonly<Partial<Record<VariableName, string>>>,
): (name: VariableName) => string | undefined {
  const last = new Map(Object.entries(raw));
  return (name) => {
    const file = env[`${name}_FILE`] || undefined;
    if (file !== undefined) {
      try {
        const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
        if (text !== '' && text !== last.get(name) && Variables.shape[name].safeParse(text).success) {
          for (const part of secretParts(text)) keepSecret(name, part);
          last.set(name, text);
        }
      } catch {
        // While it is being exchanged; the next connection finds it.
      }
    }
    return last.get(name);
  };
}

/**
 * A function that tells the URL in a variable of any name, as it is now: that of a store that only the operator's own file
 * speaks of. Its secrets are kept from errors and logs. Undefined where neither the variable nor its file has one.
 */
export function currentUrls(
  env: Readonly<Record<string, string | undefined>>,
): (variable: string) => string | undefined {
  const last = new Map<string, string>();
  return (variable) => {
    const text = readVariable(env, variable, []);
    if (text !== undefined && text !== last.get(variable)) {
      for (const part of secretParts(text)) keepSecret(variable, part);
      last.set(variable, text);
    }
    return last.get(variable);
  };
}

/**
 * The URL that the `PG*` variables stand for, so that nothing below reads the environment; undefined without `PGHOST`.
 */
export function urlOfParts(env: VariableValues): string | undefined {
  if (env.PGHOST === undefined) return undefined;
  const user =
    env.PGUSER === undefined
      ? ''
      : encodeURIComponent(env.PGUSER) +
        (env.PGPASSWORD === undefined ? '' : `:${encodeURIComponent(env.PGPASSWORD)}`) +
        '@';
  // The folder of a socket is a host whose name has slashes.
  const host = env.PGHOST.startsWith('/')
    ? encodeURIComponent(env.PGHOST)
    : isIPv6(env.PGHOST)
      ? `[${env.PGHOST}]`
      : env.PGHOST;
  const port = env.PGPORT === undefined ? '' : `:${env.PGPORT}`;
  const tls = { sslmode: env.PGSSLMODE, sslrootcert: env.PGSSLROOTCERT, sslcert: env.PGSSLCERT, sslkey: env.PGSSLKEY };
  const query = new URLSearchParams(
    Object.entries(tls).filter((each): each is [string, string] => each[1] !== undefined),
  ).toString();
  return `postgres://${user}${host}${port}/${encodeURIComponent(env.PGDATABASE ?? env.PGUSER ?? '')}${query === '' ? '' : `?${query}`}`;
}
