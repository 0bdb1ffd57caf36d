/** What the environment holds, as texts by name: defaults filled in, secrets read from their files. */
import { keepSecret } from '#subgraphs/shared/kept-secrets.ts';
import { readVariable } from './credentials.ts';
import { secretParts } from './secret-parts.ts';
import { type VariableName, variableTable } from './variables.ts';

const SUBGRAPH_URL = /^SUBGRAPH_([A-Z][A-Z0-9_]*)_URL$/;

/** Whether a variable says where a subgraph runs. */
export const isSubgraphUrl = (variable: string): boolean => SUBGRAPH_URL.test(variable);

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
    const text =
      (meta.secret === true || meta.file === true ? readVariable(env, name, faults) : env[name] || undefined) ??
      meta.default;
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
