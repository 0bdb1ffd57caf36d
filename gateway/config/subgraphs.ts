/** How remote subgraphs are treated: `SUBGRAPH_<SETTING>` for all of them, `SUBGRAPH_<NAME>_<SETTING>` for one. */
import { Variables, type VariableName, type VariableValues } from './variables.ts';

/** How one remote subgraph is treated. */
export interface RemoteSubgraphSettings {
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly queue: number;
  readonly retries: number;
  readonly maxResponseBytes: number;
  /** Names of the client's headers that are passed on, in lower case. */
  readonly forwardHeaders: readonly string[];
  readonly deduplicate: boolean;
  readonly subscriptions: VariableValues['SUBGRAPH_SUBSCRIPTIONS'];
}

export interface RemoteSubgraphs {
  readonly defaults: RemoteSubgraphSettings;
  /** By name as environment variables write it: `inventory-v2` is `INVENTORY_V2`. */
  readonly byName: Readonly<Record<string, Partial<RemoteSubgraphSettings>>>;
}

/** Which variable, after `SUBGRAPH_` or `SUBGRAPH_<NAME>_`, holds which setting. */
const SETTINGS = {
  TIMEOUT_MS: 'timeoutMs',
  CONCURRENCY: 'concurrency',
  QUEUE: 'queue',
  RETRIES: 'retries',
  RESPONSE_LIMIT_BYTES: 'maxResponseBytes',
  FORWARD_HEADERS: 'forwardHeaders',
  DEDUPLICATE: 'deduplicate',
  SUBSCRIPTIONS: 'subscriptions',
} as const satisfies Record<string, keyof RemoteSubgraphSettings>;

const OF_ONE = new RegExp(`^SUBGRAPH_([A-Z][A-Z0-9_]*)_(${Object.keys(SETTINGS).join('|')})$`);

/** Reads the settings of single subgraphs; faults are added to `faults`. */
export function readSubgraphSettings(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): RemoteSubgraphs['byName'] {
  if (env.SUBGRAPH_SUBSCRIPTIONS?.includes('://') === true)
    faults.push(
      'SUBGRAPH_SUBSCRIPTIONS must be `graphql-ws` or `sse`; an address belongs to one subgraph: SUBGRAPH_<NAME>_SUBSCRIPTIONS.',
    );
  const byName: Record<string, Record<string, unknown>> = {};
  for (const [variable, text] of Object.entries(env)) {
    const [, name, setting] = OF_ONE.exec(variable) ?? [];
    if (name === undefined || !text) continue;
    const read = Variables.shape[`SUBGRAPH_${setting as keyof typeof SETTINGS}` satisfies VariableName].safeParse(text);
    if (read.success) (byName[name] ??= {})[SETTINGS[setting as keyof typeof SETTINGS]] = read.data;
    else faults.push(`${variable} ${read.error.issues[0]!.message}.`);
  }
  return byName;
}

export function remoteSubgraphs(env: VariableValues, byName: RemoteSubgraphs['byName']): RemoteSubgraphs {
  return {
    defaults: {
      timeoutMs: env.SUBGRAPH_TIMEOUT_MS ?? env.REQUEST_TIMEOUT_MS,
      concurrency: env.SUBGRAPH_CONCURRENCY,
      queue: env.SUBGRAPH_QUEUE,
      retries: env.SUBGRAPH_RETRIES,
      maxResponseBytes: env.SUBGRAPH_RESPONSE_LIMIT_BYTES,
      forwardHeaders: env.SUBGRAPH_FORWARD_HEADERS,
      deduplicate: env.SUBGRAPH_DEDUPLICATE,
      subscriptions: env.SUBGRAPH_SUBSCRIPTIONS,
    },
    byName,
  };
}

/** What holds for the subgraph `name` of a supergraph. */
export const settingsOf = ({ defaults, byName }: RemoteSubgraphs, name: string): RemoteSubgraphSettings => ({
  ...defaults,
  ...byName[name.toUpperCase().replace(/[^A-Z0-9]/g, '_')],
});
