/** Variables of single subgraphs, whose names no table holds: `SUBGRAPH_<NAME>_URL`, `SUBGRAPH_<NAME>_<SETTING>`. */
import { isSubgraphUrl } from './environment.ts';
import { settingOfOne } from './remote-subgraphs.ts';
import { tlsOfOne } from './tls.ts';
import { Variables, type VariableMeta, type VariableName } from './variables.ts';

export interface SubgraphVariable {
  /** The variable that says the same of all subgraphs; undefined for where one runs. */
  readonly ofAll: VariableName | undefined;
  /** Whether it names a file. */
  readonly isFile: boolean;
  /** Whether it may. */
  readonly takesFile: boolean;
  readonly secret: boolean;
}

/** @returns undefined for a variable that is read for no single subgraph */
export function subgraphVariable(name: string): SubgraphVariable | undefined {
  if (isSubgraphUrl(name)) return { ofAll: undefined, isFile: false, takesFile: false, secret: false };
  const one = settingOfOne(name) ?? tlsOfOne(name);
  if (one === undefined) return undefined;
  const ofAll = one.ofAll as VariableName;
  const { secret = false, file = false } =
    (Variables.shape[ofAll] as { meta(): VariableMeta | undefined }).meta() ?? {};
  return { ofAll, isFile: one.isFile, takesFile: secret || file, secret };
}
