/**
 * Traversals, written once over the drivers' `expandFrontier`: level by level, every level one statement for all
 * sources together. Nodes are visited once, so cycles cost nothing and paths are never enumerated.
 */
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import type { Expansion } from '../driver.ts';

/** Reads one level: the steps from all of `nodes`. */
export type Expand = (nodes: readonly string[]) => Promise<Expansion>;

export interface Neighbor {
  /** Relations on the shortest way from the source; at least 1. */
  readonly depth: number;
  readonly name: string;
  readonly id: string;
}

export interface Neighborhood {
  /** Ordered by depth, name and id; without the source. */
  readonly neighbors: Neighbor[];
  /**
   * True where the row cap hid steps from a node that this walk came through: neighbours may be missing or too deep.
   */
  readonly truncated: boolean;
  /** Whether nothing else can be reached, at whatever depth; false where that was not looked for, or is not known. */
  readonly complete: boolean;
}

interface Walk {
  readonly neighbors: Neighbor[];
  readonly seen: Set<string>;
  frontier: string[];
  truncated: boolean;
  complete: boolean;
  done: boolean;
}

/**
 * Walks breadth first from many sources at once.
 * @param depth how many levels to go
 * @param enough whether a source needs no deeper levels, given its neighbours so far (all of whole levels, in order)
 * @param looksFurther whether to read one level more, only to know whether the neighbourhoods are complete
 * @returns the neighbourhood of each source
 */
export async function neighborhoods(
  expand: Expand,
  sources: readonly string[],
  depth: number,
  enough: (neighbors: readonly Neighbor[]) => boolean = () => false,
  looksFurther = false,
): Promise<Map<string, Neighborhood>> {
  const walks = new Map<string, Walk>();
  for (const source of sources)
    walks.set(source, {
      neighbors: [],
      seen: new Set([source]),
      frontier: [source],
      truncated: false,
      complete: false,
      done: false,
    });
  const adjacency = new Adjacency(expand);

  for (let level = 1; level <= depth + (looksFurther ? 1 : 0); level++) {
    const running = [...walks.values()].filter((walk) => !walk.done && walk.frontier.length > 0);
    if (running.length === 0) break;
    await adjacency.load(running.flatMap((walk) => walk.frontier));
    if (level > depth) {
      for (const walk of running) {
        const isEnd = (node: string): boolean =>
          !adjacency.isCut(node) && adjacency.stepsFrom(node).every(({ other }) => walk.seen.has(other));
        walk.complete = !walk.truncated && walk.frontier.every(isEnd);
      }
      break;
    }
    for (const walk of running) {
      const found: Neighbor[] = [];
      for (const node of walk.frontier) {
        if (adjacency.isCut(node)) walk.truncated = true;
        for (const { other, otherName } of adjacency.stepsFrom(node)) {
          if (walk.seen.has(other)) continue;
          walk.seen.add(other);
          found.push({ depth: level, name: otherName, id: other });
        }
      }
      found.sort((a, b) => compareCodePoints(a.name, b.name) || compareCodePoints(a.id, b.id));
      walk.neighbors.push(...found);
      walk.frontier = found.map(({ id }) => id);
      walk.complete = walk.frontier.length === 0 && !walk.truncated;
      walk.done = enough(walk.neighbors);
    }
  }
  return new Map(
    [...walks].map(([source, { neighbors, truncated, complete }]) => [source, { neighbors, truncated, complete }]),
  );
}

export interface Path {
  /** Entity ids from start to end. */
  readonly nodes: string[];
  /** Relation ids, one fewer than nodes. */
  readonly relations: string[];
}

/**
 * Finds a shortest path between two different nodes, level by level from both ends, the smaller frontier first.
 * Among equally short paths the choice is stable.
 * @param forward reads steps in the path's direction
 * @param backward reads steps against it
 * @returns the path, null where there is none within `maxLength`; `truncated` where the row cap hid steps, so that a
 *   (shorter) path may exist all the same; `exhausted` where there is none and nothing more can be reached from one end
 */
export async function shortestPath(
  forward: Expand,
  backward: Expand,
  from: string,
  to: string,
  maxLength: number,
): Promise<{ path: Path | null; truncated: boolean; exhausted: boolean }> {
  const start = new Side(forward, from);
  const end = new Side(backward, to);
  for (let length = 0; length < maxLength; length++) {
    if (start.frontier.length === 0 || end.frontier.length === 0) break;
    const [near, far] = start.frontier.length <= end.frontier.length ? [start, end] : [end, start];
    await near.advance();
    // All meeting points of this level are equally far in sum: no path was found a level earlier.
    const meeting = near.frontier.filter((node) => far.reached.has(node)).sort(compareCodePoints)[0];
    if (meeting !== undefined) {
      const path = joined(start.wayTo(meeting), end.wayTo(meeting));
      return { path, truncated: start.truncated || end.truncated, exhausted: false };
    }
  }
  const truncated = start.truncated || end.truncated;
  // What was cut may have led on.
  const exhausted = !truncated && (start.frontier.length === 0 || end.frontier.length === 0);
  return { path: null, truncated, exhausted };
}

/** One end of a bidirectional search: what it has reached, and how. */
class Side {
  frontier: string[];
  truncated = false;
  readonly reached: Map<string, { before: string; relation: string } | null>;
  readonly #expand: Expand;

  constructor(expand: Expand, origin: string) {
    this.#expand = expand;
    this.frontier = [origin];
    this.reached = new Map([[origin, null]]);
  }

  async advance(): Promise<void> {
    const { steps, cut } = await this.#expand(this.frontier);
    if (cut) this.truncated = true;
    const next: string[] = [];
    for (const { node, other, relation } of steps) {
      if (this.reached.has(other)) continue;
      this.reached.set(other, { before: node, relation });
      next.push(other);
    }
    this.frontier = next;
  }

  /** The way from the origin to a reached node. */
  wayTo(node: string): Path {
    const nodes = [node];
    const relations: string[] = [];
    for (let step = this.reached.get(node); step; step = this.reached.get(step.before)) {
      nodes.push(step.before);
      relations.push(step.relation);
    }
    return { nodes: nodes.reverse(), relations: relations.reverse() };
  }
}

const joined = (there: Path, back: Path): Path => ({
  nodes: [...there.nodes, ...back.nodes.slice(0, -1).reverse()],
  relations: [...there.relations, ...back.relations.toReversed()],
});

/** Steps read so far, kept for the whole walk: a node that several sources meet is read once. */
class Adjacency {
  readonly #expand: Expand;
  readonly #steps = new Map<string, { other: string; otherName: string }[]>();
  readonly #cut = new Set<string>();

  constructor(expand: Expand) {
    this.#expand = expand;
  }

  async load(nodes: readonly string[]): Promise<void> {
    const missing = [...new Set(nodes)].filter((node) => !this.#steps.has(node));
    if (missing.length === 0) return;
    for (const node of missing) this.#steps.set(node, []);
    const { steps, cut } = await this.#expand(missing);
    for (const { node, other, otherName } of steps) this.#steps.get(node)?.push({ other, otherName });
    // The steps follow the order of `missing`: all nodes before that of the last step are complete.
    if (cut)
      for (const node of missing.slice(Math.max(missing.indexOf(steps.at(-1)?.node ?? ''), 0))) this.#cut.add(node);
  }

  stepsFrom(node: string): readonly { other: string; otherName: string }[] {
    return this.#steps.get(node) ?? [];
  }

  isCut(node: string): boolean {
    return this.#cut.has(node);
  }
}
