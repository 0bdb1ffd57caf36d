/** What a store checks of a condition: at least what it lets through. The rest is looked at by who asks. */

export interface Native<Filter> {
  /** True where it lets through everything, false where nothing. */
  readonly filter: Filter | boolean;
  /** Whether it lets through no more than the condition does. */
  readonly exact: boolean;
}

/** How a store's language joins filters. */
export interface Joining<Filter> {
  all(filters: readonly Filter[]): Filter;
  any(filters: readonly Filter[]): Filter;
  not(filter: Filter): Filter;
}

export function nativeFilters<Filter extends object>(joining: Joining<Filter>) {
  const ALL: Native<Filter> = { filter: true, exact: true };
  const NOTHING: Native<Filter> = { filter: false, exact: true };
  /** What the store does not check. */
  const UNCHECKED: Native<Filter> = { filter: true, exact: false };

  /** All of these, or any of them. */
  function together(parts: readonly Native<Filter>[], all: boolean): Native<Filter> {
    // What decides alone: nothing where all must hold, everything where one need.
    if (parts.some(({ filter, exact }) => filter === !all && exact)) return all ? NOTHING : ALL;
    if (!all && parts.some(({ filter }) => filter === true)) return UNCHECKED;
    const exact = parts.every((part) => part.exact);
    const filters = parts.flatMap(({ filter }) => (typeof filter === 'boolean' ? [] : [filter]));
    if (filters.length === 0) return { filter: all, exact };
    return { filter: filters.length === 1 ? filters[0]! : joining[all ? 'all' : 'any'](filters), exact };
  }

  /** What does not match this. */
  function without({ filter, exact }: Native<Filter>): Native<Filter> {
    if (!exact) return UNCHECKED;
    return { filter: typeof filter === 'boolean' ? !filter : joining.not(filter), exact };
  }

  return { ALL, NOTHING, UNCHECKED, together, without };
}
