/** Which fetches of a plan have their answers before another is sent. */
import type { ExecutableFetch, ExecutableNode, ExecutablePlan } from './executable-plan.ts';

/** A node on the way to a fetch, and which of what is in it leads there. */
interface Step {
  readonly node: ExecutableNode;
  /** Of a deferring node: 0 is what is not deferred, and its parts come behind. */
  readonly index: number;
}

export class FetchOrder {
  readonly #ways = new Map<ExecutableFetch, readonly Step[]>();
  readonly #byId = new Map<string, ExecutableFetch>();
  readonly #primary: ExecutableFetch | undefined;

  constructor({ primary, node }: ExecutablePlan) {
    this.#primary = primary;
    if (node !== undefined) this.#add(node, []);
  }

  /** Whether `one` always has its answer before `other` is sent, if it is sent at all. */
  precedes(one: ExecutableFetch, other: ExecutableFetch): boolean {
    if (one === this.#primary) return other !== one; // The event comes first.
    const [ours, theirs] = [this.#ways.get(one) ?? [], this.#ways.get(other) ?? []];
    const fork = ours.findIndex(({ index }, depth) => index !== theirs[depth]?.index);
    const { node, index } = ours[fork] ?? {};
    const { index: later } = theirs[fork] ?? {};
    if (node === undefined || index === undefined || later === undefined) return false;
    if (node.kind === 'sequence') return index < later;
    if (node.kind !== 'defer' || later === 0) return false;
    return node.parts[later - 1]!.depends.some((id) => {
      const awaited = this.#byId.get(id);
      return awaited !== undefined && (awaited === one || this.precedes(one, awaited));
    });
  }

  #add(node: ExecutableNode, way: readonly Step[]): void {
    const below = (child: ExecutableNode | undefined, index: number): void => {
      if (child !== undefined) this.#add(child, [...way, { node, index }]);
    };
    switch (node.kind) {
      case 'fetch':
        this.#ways.set(node, way);
        if (node.id !== undefined) this.#byId.set(node.id, node);
        return;
      case 'condition':
        below(node.then, 0);
        return below(node.otherwise, 1);
      case 'defer':
        below(node.primary, 0);
        return node.parts.forEach((part, index) => below(part.node, index + 1));
      default:
        node.nodes.forEach(below);
    }
  }
}
