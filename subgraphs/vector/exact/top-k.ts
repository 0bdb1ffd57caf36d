/** The k best of many scores. */

/**
 * @param count how many there are
 * @param scoreOf,idOf by index
 * @returns indexes, best score first, equal scores by id: the same in every process, whatever the order of the input
 */
export function topK(
  count: number,
  k: number,
  scoreOf: (index: number) => number,
  idOf: (index: number) => string,
): number[] {
  if (k <= 0) return [];
  const worse = (a: number, b: number): boolean => {
    const difference = scoreOf(a) - scoreOf(b);
    return difference < 0 || (difference === 0 && idOf(a) > idOf(b));
  };
  // A binary heap with the worst of the best at its root.
  const heap: number[] = [];
  const sink = (from: number) => {
    for (let at = from; ;) {
      const left = 2 * at + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const child = right < heap.length && worse(heap[right]!, heap[left]!) ? right : left;
      if (!worse(heap[child]!, heap[at]!)) return;
      [heap[at], heap[child]] = [heap[child]!, heap[at]!];
      at = child;
    }
  };
  for (let index = 0; index < count; index++) {
    if (heap.length === k) {
      if (!worse(heap[0]!, index)) continue;
      heap[0] = index;
      sink(0);
    } else {
      heap.push(index);
      for (let at = heap.length - 1; at > 0;) {
        const parent = (at - 1) >> 1;
        if (!worse(heap[at]!, heap[parent]!)) break;
        [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
        at = parent;
      }
    }
  }
  return heap.sort((a, b) => (worse(a, b) ? 1 : -1));
}
