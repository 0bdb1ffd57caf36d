import type { FetchNode, PlanNode, QueryPlan } from '@apollo/query-planner';

/** A plan with each of its fetches made another, or several: side by side where nothing waits for them. */
export function mapFetches(plan: QueryPlan, change: (fetch: FetchNode) => readonly FetchNode[]): QueryPlan {
  const { node } = plan;
  if (node === undefined) return plan;
  if (node.kind !== 'Subscription') return { ...plan, node: mapNode(node, change) };
  const [primary] = change(node.primary); // What gives a stream is never several.
  return { ...plan, node: { ...node, primary: primary!, rest: node.rest && mapNode(node.rest, change) } };
}

function mapNode(node: PlanNode, change: (fetch: FetchNode) => readonly FetchNode[]): PlanNode {
  const below = <Node extends PlanNode | undefined>(child: Node): Node => child && (mapNode(child, change) as Node);
  switch (node.kind) {
    case 'Fetch': {
      const fetches = change(node);
      if (fetches.length === 1) return fetches[0]!;
      // With an id, deferred parts wait for the fetch, and so for the last of them.
      return { kind: node.id === undefined ? 'Parallel' : 'Sequence', nodes: [...fetches] };
    }
    case 'Flatten':
      return { ...node, node: below(node.node) };
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(below) };
    case 'Condition':
      return { ...node, ifClause: below(node.ifClause), elseClause: below(node.elseClause) };
    case 'Defer':
      return {
        ...node,
        primary: { ...node.primary, node: below(node.primary.node) },
        deferred: node.deferred.map((part) => ({ ...part, node: below(part.node) })),
      };
  }
}
