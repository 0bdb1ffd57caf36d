/** How remote subgraphs are treated: `SUBGRAPH_<SETTING>` for all of them, `SUBGRAPH_<NAME>_<SETTING>` for one. */
import { tableOf, type BoundValues } from '#subgraphs/shared/bound.ts';
import { APART } from '#gateway/bounds/apart.ts';
import { nameInVariables, REMOTE } from '#gateway/bounds/remote.ts';
import { boundValues } from './bounds.ts';
import { readVariable } from './credentials.ts';
import type { CurrentTls } from './tls.ts';
import { Variables, type VariableMeta, type VariableName, type VariableValues } from './variables.ts';

/** How one remote subgraph is treated. */
export interface RemoteSubgraphSettings extends BoundValues<typeof REMOTE> {
  readonly timeoutMs: number;
  /** Names of the client's headers that are passed on, in lower case. */
  readonly forwardHeaders: readonly string[];
  readonly errors: VariableValues['SUBGRAPH_ERRORS'];
  readonly deduplicate: boolean;
  readonly subscriptions: VariableValues['SUBGRAPH_SUBSCRIPTIONS'];
  readonly shareSubscriptions: VariableValues['SUBGRAPH_SHARE_SUBSCRIPTIONS'];
  /** Parameters of `connection_init`, beside the headers that are passed on. */
  readonly connectionParams: VariableValues['SUBGRAPH_CONNECTION_PARAMS'];
  readonly resubscribe: boolean;
  readonly requestHeaders: VariableValues['SUBGRAPH_REQUEST_HEADERS'];
  readonly responseHeaders: VariableValues['SUBGRAPH_RESPONSE_HEADERS'];
}

export interface RemoteSubgraphs {
  readonly defaults: RemoteSubgraphSettings;
  /** By name as environment variables write it: `inventory-v2` is `INVENTORY_V2`. */
  readonly byName: Readonly<Record<string, Partial<RemoteSubgraphSettings>>>;
  /** The longest wait for one of our own that runs apart, where nothing is said of it alone, in milliseconds. */
  readonly ownTimeoutMs: number;
  /** What is shown to them and trusted over TLS, by such names; undefined for Node's own ways. */
  readonly tls: (nameInVariables: string) => CurrentTls | undefined;
}

/** Which variable, after `SUBGRAPH_` or `SUBGRAPH_<NAME>_`, holds which setting. */
const OWN_SETTINGS: Readonly<Record<string, keyof RemoteSubgraphSettings>> = {
  FORWARD_HEADERS: 'forwardHeaders',
  ERRORS: 'errors',
  DEDUPLICATE: 'deduplicate',
  SUBSCRIPTIONS: 'subscriptions',
  SHARE_SUBSCRIPTIONS: 'shareSubscriptions',
  CONNECTION_PARAMS: 'connectionParams',
  RESUBSCRIBE: 'resubscribe',
  REQUEST_HEADERS: 'requestHeaders',
  RESPONSE_HEADERS: 'responseHeaders',
};

/** The same of all settings: bounds are set in the same way. */
const SETTINGS: Readonly<Record<string, string>> = {
  ...OWN_SETTINGS,
  ...Object.fromEntries(
    Object.entries(tableOf(REMOTE).entries).flatMap(([name, { variable }]) =>
      variable === undefined ? [] : [[variable.slice('SUBGRAPH_'.length), name]],
    ),
  ),
};

/** The shortest name before the longest setting: `SUBGRAPH_A_SHARE_SUBSCRIPTIONS` is of `A`, not of `A_SHARE`. */
const OF_ONE = new RegExp(`^SUBGRAPH_([A-Z][A-Z0-9_]*?)_(${Object.keys(SETTINGS).join('|')})(_FILE)?$`);

/**
 * What a variable of one subgraph is for that subgraph, as the variable of all: `SUBGRAPH_A_ERRORS` is `SUBGRAPH_ERRORS` of `A`.
 * @returns undefined for a variable that is none of one subgraph
 */
export function settingOfOne(
  variable: string,
): { readonly name: string; readonly ofAll: VariableName; readonly isFile: boolean } | undefined {
  if (variable.replace(/_FILE$/, '') in Variables.shape) return undefined;
  const [, name, setting, file] = OF_ONE.exec(variable) ?? [];
  return name === undefined
    ? undefined
    : { name, ofAll: `SUBGRAPH_${setting}` as VariableName, isFile: file !== undefined };
}

/** Reads the settings of single subgraphs; faults are added to `faults`. */
export function readSubgraphSettings(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): RemoteSubgraphs['byName'] {
  if (env.SUBGRAPH_SUBSCRIPTIONS?.includes('://') === true)
    faults.push(
      'SUBGRAPH_SUBSCRIPTIONS must be `auto`, `graphql-ws` or `sse`; an address belongs to one subgraph: SUBGRAPH_<NAME>_SUBSCRIPTIONS.',
    );
  const byName: Record<string, Record<string, unknown>> = {};
  for (const [variable, value] of Object.entries(env)) {
    const one = value ? settingOfOne(variable) : undefined;
    if (one === undefined) continue;
    const { name, ofAll, isFile } = one;
    const schema = Variables.shape[ofAll];
    let text: string | undefined = value;
    if (isFile) {
      if ((schema as { meta(): VariableMeta | undefined }).meta()?.secret !== true) continue;
      text = readVariable(env, variable.replace(/_FILE$/, ''), faults);
      if (text === undefined) continue;
    }
    const read = schema.safeParse(text);
    if (read.success) (byName[name] ??= {})[SETTINGS[ofAll.slice('SUBGRAPH_'.length)]!] = read.data;
    else faults.push(`${variable} ${read.error.issues[0]!.message}.`);
  }
  return byName;
}

export function remoteSubgraphs(
  env: VariableValues,
  byName: RemoteSubgraphs['byName'],
  tls: RemoteSubgraphs['tls'],
): RemoteSubgraphs {
  const bounds = boundValues(env).remote;
  return {
    defaults: {
      ...bounds,
      timeoutMs: bounds.timeoutMs ?? env.REQUEST_TIMEOUT_MS,
      forwardHeaders: env.SUBGRAPH_FORWARD_HEADERS,
      errors: env.SUBGRAPH_ERRORS,
      deduplicate: env.SUBGRAPH_DEDUPLICATE,
      subscriptions: env.SUBGRAPH_SUBSCRIPTIONS,
      shareSubscriptions: env.SUBGRAPH_SHARE_SUBSCRIPTIONS,
      connectionParams: env.SUBGRAPH_CONNECTION_PARAMS,
      resubscribe: env.SUBGRAPH_RESUBSCRIBE,
      requestHeaders: env.SUBGRAPH_REQUEST_HEADERS,
      responseHeaders: env.SUBGRAPH_RESPONSE_HEADERS,
    },
    byName,
    ownTimeoutMs: bounds.timeoutMs ?? env.REQUEST_TIMEOUT_MS + APART.graceMs,
    tls,
  };
}

/** What holds for the subgraph `name` of a supergraph. */
export const settingsOf = ({ defaults, byName }: RemoteSubgraphs, name: string): RemoteSubgraphSettings => ({
  ...defaults,
  ...byName[nameInVariables(name)],
});

/** What holds for one of our own that runs apart: where nothing else is set, its own limit of an operation ends first. */
export const settingsOfOwn = (remote: RemoteSubgraphs, name: string): RemoteSubgraphSettings => ({
  ...settingsOf(remote, name),
  timeoutMs: remote.byName[nameInVariables(name)]?.timeoutMs ?? remote.ownTimeoutMs,
});

/** How the subgraph `name` of a supergraph is connected to over TLS. */
export const tlsOf = ({ tls }: RemoteSubgraphs, name: string): CurrentTls | undefined => tls(nameInVariables(name));

/** Whether any subgraph's answers have headers for clients. */
export const passesHeadersBack = ({ defaults, byName }: RemoteSubgraphs): boolean =>
  [defaults, ...Object.values(byName)].some(({ responseHeaders = {} }) => Object.keys(responseHeaders).length > 0);
