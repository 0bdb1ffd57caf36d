/** What the environment says, for whoever wants to know where a setting comes from and what is wrong: never a secret's value. */
import { ConfigError, loadConfig, type Config } from './config.ts';
import { subgraphVariable } from './subgraph-variables.ts';
import { similarVariables, unknownVariables, type UnknownVariable } from './unknown-variables.ts';
import { variableTable } from './variables.ts';

/** One variable and where its value comes from. */
export interface Setting {
  readonly name: string;
  /** `file`: from the one that `NAME_FILE` names. */
  readonly from: 'environment' | 'file' | 'default';
  /** The path of that file, as it is given. */
  readonly file?: string;
  readonly secret: boolean;
  /** As it is written; of a URL without user, password and query. Absent for what is secret, and for what is in a file. */
  readonly value?: string;
}

/** What `npm run config` tells. */
export interface SettingsReport {
  /** In the order of docs/configuration.md, and behind them those of single subgraphs. */
  readonly settings: readonly Setting[];
  /** Values that cannot be, and settings that contradict each other, each a sentence that says what to do. */
  readonly faults: readonly string[];
  /** Variables that are set, and nearly called like one that is read. */
  readonly unknown: readonly UnknownVariable[];
  /** Variables that are set, not read, and begin like one that is: perhaps another program's. */
  readonly similar: readonly UnknownVariable[];
  /** Undefined where there are faults. */
  readonly mode: Config['mode'] | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment as a start of the server does, and starts nothing.
 * @param env as for the server
 */
export function settingsReport(env: Environment): SettingsReport {
  const settings = [
    ...variableTable().flatMap(({ name, meta }) => {
      const secret = meta.secret === true;
      const given = settingOf(env, name, secret, secret || meta.file === true);
      if (given !== undefined) return [given];
      return meta.default === undefined ? [] : [{ name, from: 'default', secret, value: meta.default } as const];
    }),
    ...ofSubgraphs(env),
  ];
  const rest = { settings, unknown: unknownVariables(env), similar: similarVariables(env) };
  try {
    return { ...rest, faults: [], mode: loadConfig(env).mode };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { ...rest, faults: error.faults, mode: undefined };
  }
}

function settingOf(env: Environment, name: string, secret: boolean, takesFile: boolean): Setting | undefined {
  const [value, file] = [env[name], takesFile ? env[`${name}_FILE`] : undefined];
  if (value) return { name, from: 'environment', secret, ...(secret ? {} : { value: shown(value) }) };
  return file ? { name, from: 'file', file, secret } : undefined;
}

function* ofSubgraphs(env: Environment): Generator<Setting> {
  const seen = new Set<string>();
  for (const variable of Object.keys(env).sort()) {
    const { isFile, takesFile, secret } = subgraphVariable(variable) ?? {};
    if (secret === undefined) continue;
    const name = isFile === true ? variable.replace(/_FILE$/, '') : variable;
    if (seen.has(name)) continue;
    seen.add(name);
    const given = settingOf(env, name, secret, takesFile === true);
    if (given !== undefined) yield given;
  }
}

/**
 * What is no secret may hold one: users and passwords stand in URLs, tokens in their queries. All before the last `@` goes, for
 * whoever did not encode his password may have any character in it.
 */
const shown = (value: string): string =>
  value.replace(/\b([a-z][a-z0-9+.-]*:\/\/)(\S+)/gi, (_, scheme: string, rest: string) => {
    const address = rest.slice(rest.lastIndexOf('@') + 1);
    return `${scheme}${address === rest ? '' : '…@'}${address.replace(/\?.*/, '?…')}`;
  });
