// @ts-check
/*
 * Guards `@apollo/query-planner` 2.14 against faults of its own. Where fields of interface objects require others, the
 * groups of fetches that it plans with can become a cycle, and its walks over them then never end and eat all memory.
 * Here the walks visit each group once, and a cycle is an error that is thrown within microseconds; the operation can
 * then be tried in another form. Walks of acyclic groups give what they gave before, only sooner. And of two groups that
 * are sent the same and are merged, one may wait for the other by way of a third ("adding it as parent would create a
 * cycle"): it happens where a field that requires another is asked for under two names.
 *
 * The classes are not exported: they are taken from the first group that a planner makes, which it keeps in a map whose
 * class is. A version that has other methods is left as it is, and hangs are for the process's time and memory limits.
 */
import internals from '@apollo/federation-internals';

/**
 * @typedef {{ dependencyGraph: Graph, children(): Group[], parentGroups(): Group[], removeChild(child: Group): void,
 *   isDescendantOf(group: Group): boolean }} Group
 * @typedef {{ groups: Group[] }} Graph
 */

let guarded = false;

/** Guards every planner of this process, from the first operation on that one plans. */
export function guardAgainstCycles() {
  if (guarded) return;
  guarded = true;
  const { prototype } = internals.MapWithCachedArrays;
  const { set } = prototype;
  prototype.set = function (key, value) {
    if (isGroup(value)) {
      prototype.set = set;
      replaceWalks(Object.getPrototypeOf(value), Object.getPrototypeOf(value.dependencyGraph));
    }
    return set.call(this, key, value);
  };
}

/** @returns {value is Group} */
function isGroup(/** @type {any} */ value) {
  return typeof value?.dependencyGraph?.dfsRemoveRedundantEdges === 'function' && typeof value.children === 'function';
}

/**
 * @param {any} group
 * @param {any} graph
 */
function replaceWalks(group, graph) {
  /** @this {Group} */
  group.isDescendantOf = function (/** @type {Group} */ ancestor) {
    return reaches(ancestor.children(), this, (each) => each.children());
  };
  graph.isInGroupsOrTheirAncestors = (/** @type {Group} */ group, /** @type {Group[]} */ groups) =>
    reaches(groups, group, (each) => each.parentGroups());
  graph.dfsRemoveRedundantEdges = removeRedundantEdges;
  const { mergeInWithAllDependencies } = group;
  /**
   * Merges a group that is sent the same. Where this one waited for what waits for the other, it need not: the other has
   * all that this one is sent.
   *
   * @this {Group}
   */
  group.mergeInWithAllDependencies = function (/** @type {Group} */ other) {
    for (const parent of [...this.parentGroups()])
      if (parent === other || parent.isDescendantOf(other)) parent.removeChild(this);
    return mergeInWithAllDependencies.call(this, other);
  };
}

/**
 * @param {Group[]} starts
 * @param {Group} sought
 * @param {(group: Group) => Group[]} next
 */
function reaches(starts, sought, next) {
  const seen = new Set(starts);
  // A set gives what is added while it is walked.
  for (const group of seen) {
    if (group === sought) return true;
    for (const each of next(group)) seen.add(each);
  }
  return false;
}

/**
 * Removes the edges to what can be reached by a longer way.
 *
 * @param {Group} from
 */
function removeRedundantEdges(from) {
  /** @type {Map<Group, 'open' | 'closed'>} */
  const state = new Map([[from, 'open']]);
  /** @type {Group[]} */
  const redundant = [];
  const visit = (/** @type {Group} */ group) => {
    const known = state.get(group);
    if (known === 'open') throw new Error('The groups of fetches form a cycle.');
    if (known === 'closed') return;
    state.set(group, 'open');
    for (const child of group.children()) {
      redundant.push(child);
      visit(child);
    }
    state.set(group, 'closed');
  };
  for (const child of from.children()) visit(child);
  for (const group of redundant) from.removeChild(group);
}
