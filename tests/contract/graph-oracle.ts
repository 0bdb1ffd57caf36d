/** Random graphs, and a breadth-first search over them that is too simple to be wrong. */
import { fc } from '#tests/setup/property.ts';
import type { RelationSelection } from '#subgraphs/graph/driver.ts';

export const TYPES = ['A', 'B', 'C_2'] as const;

export interface RandomGraph {
  readonly nodes: readonly number[];
  /** With cycles, self loops, parallel relations of other types, and repetitions. */
  readonly edges: readonly (readonly [from: number, type: string, to: number])[];
}

/** Names whose order is not that of the numbers. */
export const nodeName = (node: number): string => `${'zyxwvutsrqponm'[node % 14]}${node}`;

/** Sparse and dense graphs of up to 14 nodes; every node is an end of a relation. */
export const graphs: fc.Arbitrary<RandomGraph> = fc
  .array(fc.tuple(fc.nat({ max: 13 }), fc.constantFrom(...TYPES), fc.nat({ max: 13 })), { minLength: 1, maxLength: 40 })
  .map((edges) => ({ edges, nodes: [...new Set(edges.flatMap(([from, , to]) => [from, to]))] }));

export function adjacencyOf(
  { nodes, edges }: RandomGraph,
  { direction, types }: RelationSelection,
): Map<number, Set<number>> {
  const adjacency = new Map(nodes.map((node) => [node, new Set<number>()]));
  for (const [from, type, to] of edges) {
    if (types !== null && !types.includes(type)) continue;
    if (direction !== 'IN') adjacency.get(from)?.add(to);
    if (direction !== 'OUT') adjacency.get(to)?.add(from);
  }
  return adjacency;
}

/** The distance of every node that can be reached, the source itself at 0. */
export function oracleDistances(
  adjacency: ReadonlyMap<number, ReadonlySet<number>>,
  source: number,
): Map<number, number> {
  const distances = new Map([[source, 0]]);
  const queue = [source];
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    for (const other of adjacency.get(node) ?? []) {
      if (distances.has(other)) continue;
      distances.set(other, (distances.get(node) ?? 0) + 1);
      queue.push(other);
    }
  }
  return distances;
}
