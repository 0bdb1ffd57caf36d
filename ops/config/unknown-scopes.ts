/** Scopes that are granted and that nothing asks for, such as `document:write` for `documents:write`. */
import { readRoleScopes } from '#gateway/auth/role-scopes.ts';
import { variableTable } from '#gateway/config/variables.ts';
import { visibleText } from '#gateway/telemetry/one-line.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { likeliest } from '#subgraphs/shared/hints.ts';
import { ALL_SCOPES } from '#subgraphs/shared/scopes.ts';
import { parseSources, readSources } from '#subgraphs/sources/model/read.ts';

/** A scope that nothing here asks for. */
export interface UnknownScope {
  readonly scope: string;
  /** What may have been meant; absent where nothing is like it. */
  readonly meant?: string;
}

/**
 * The scopes that stores of the operator's own take for changes.
 * @param file as `SOURCES` names it
 * @returns none where there is no such file, or it cannot be read: what is wrong with it a start says
 */
export async function scopesOfSources(file: string | undefined): Promise<string[]> {
  if (!file) return [];
  try {
    const { text, shown } = await readSources(file);
    return Object.values(parseSources(text, shown).data.sources).flatMap(({ types = {} }) =>
      Object.values(types).flatMap(({ mutations = {} }) => Object.values(mutations)),
    );
  } catch (error) {
    if (error instanceof CodedError) return [];
    throw error;
  }
}

/** Variables that name a scope. */
const NAMING: readonly string[] = ['TRACE_SCOPE', 'METRICS_SCOPE', 'PERSISTED_OPERATIONS_FREE_SCOPE'];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Those of `granted` that neither this API nor a setting asks for, nor the operator's own stores. A subgraph that runs apart may ask
 * for others, of which nothing is known here: so they are told, and not refused.
 * @param env as for the server @param ofSources as {@link scopesOfSources} gives them
 */
export function unknownScopes(
  granted: Iterable<string>,
  env: Environment,
  ofSources: readonly string[],
): UnknownScope[] {
  const named = variableTable().flatMap(({ name, meta }) =>
    NAMING.includes(name) ? [env[name] || meta.default || []].flat() : [],
  );
  const known = new Set<string>([...ALL_SCOPES, ...ofSources, ...named]);
  return [...new Set(granted)]
    .filter((scope) => !known.has(scope))
    .map((scope) => {
      const [meant] = likeliest(scope, known);
      return meant === undefined ? { scope } : { scope, meant };
    });
}

/** The same of what `ROLE_SCOPES` grants. */
export const unknownScopesOfRoles = (env: Environment, ofSources: readonly string[]): UnknownScope[] =>
  unknownScopes(Object.values(readRoleScopes(env['ROLE_SCOPES'] ?? '') ?? {}).flat(), env, ofSources);

/** For people. */
export function toldScope({ scope, meant }: UnknownScope): string {
  const end = meant === undefined ? '.' : `; was ${visibleText(meant)} meant?`;
  return `Nothing here asks for the scope ${visibleText(scope)}, unless a subgraph that runs apart does${end}`;
}
