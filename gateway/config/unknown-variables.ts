/** Variables that are set, that no program here reads, and whose names are nearly those of variables that are read. */
import { editDistance } from '#subgraphs/shared/hints.ts';
import { variableTable } from './variables.ts';

export interface UnknownVariable {
  readonly name: string;
  /** What may have been meant. */
  readonly meant: string;
}

/** What is read besides the table: by commands, and by Node. */
const READ_ELSEWHERE = ['TRIBUTARY_TOKEN', 'TRIBUTARY_URL', 'NODE_ENV'];

/** Variables of other programs that happen to be near. */
const OF_OTHERS = new Set(['API_KEY', 'REDIS_URI', 'DATABASE_URI']);

/** By how many letters a name may differ, by its length: what is short is near to much that is somebody else's. */
const farthest = (length: number): number => (length < 6 ? 0 : length < 10 ? 1 : 2);

/** @returns names alone, never what they hold */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): UnknownVariable[] {
  const known = new Set([
    ...variableTable().flatMap(({ name, meta }) =>
      meta.secret === true || meta.file === true ? [name, `${name}_FILE`] : [name],
    ),
    ...READ_ELSEWHERE,
  ]);
  return Object.entries(env).flatMap(([name, value]) => {
    // What begins so is for subgraphs, by whatever name they have.
    if (!value || !/^[A-Z][A-Z0-9_]{0,99}$/.test(name) || name.startsWith('SUBGRAPH_')) return [];
    if (known.has(name) || OF_OTHERS.has(name)) return [];
    let nearest: { meant: string; edits: number } | undefined;
    for (const meant of known) {
      if (env[meant]) continue; // Then the other is somebody else's.
      const near = farthest(Math.min(name.length, meant.length));
      const most = nearest === undefined ? near : Math.min(near, nearest.edits - 1);
      const edits = editDistance(name, meant, most);
      if (edits <= most) nearest = { meant, edits };
    }
    return nearest === undefined ? [] : [{ name, meant: nearest.meant }];
  });
}
