/** What the environment holds, as texts by name: defaults filled in, secrets read from their files. */
import { readFileSync } from 'node:fs';
import { keepSecret } from '#subgraphs/shared/kept-secrets.ts';
import { secretParts } from './secret-parts.ts';
import { type VariableName, variableTable } from './variables.ts';

const SUBGRAPH_URL = /^SUBGRAPH_([A-Z][A-Z0-9_]*)_URL$/;

/**
 * Texts by name: defaults filled in, secrets read from their files, empty values taken as absent. What is secret of them is
 * kept from errors and logs from then on.
 */
export function rawValues(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Partial<Record<VariableName, string>> {
  const raw: Partial<Record<VariableName, string>> = {};
  for (const { name, meta } of variableTable()) {
    // Compose files and charts write `NAME=` for what is not set.
    let text = env[name] || undefined;
    const file = meta.secret ? env[`${name}_FILE`] || undefined : undefined;
    if (file !== undefined && text !== undefined)
      faults.push(`${name} and ${name}_FILE are both set; keep one of them.`);
    else if (file !== undefined) {
      try {
        text = readFileSync(file, 'utf8').replace(/\r?\n$/, '') || undefined;
        if (text === undefined) faults.push(`${name}_FILE names an empty file.`);
      } catch (error) {
        faults.push(
          `${name}_FILE names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}).`,
        );
      }
    }
    text ??= meta.default;
    if (text === undefined) continue;
    raw[name] = text;
    if (meta.secret) for (const part of secretParts(text)) keepSecret(name, part);
  }
  return raw;
}

/** The URLs of subgraphs that run apart, by lower-case name. */
export function readSubgraphUrls(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Record<string, string> {
  const urls: Record<string, string> = {};
  for (const [name, text] of Object.entries(env)) {
    const subgraph = SUBGRAPH_URL.exec(name)?.[1];
    if (subgraph === undefined || !text) continue;
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) urls[subgraph.toLowerCase()] = text;
    else faults.push(`${name} must be a URL that starts with http:// or https://.`);
  }
  return urls;
}
