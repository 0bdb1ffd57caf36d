/**
 * Answers in parts in the format of graphql-js 17 (https://specs.apollo.dev/incremental/v0.2/), which Apollo Client 4 asks
 * for as `incrementalSpec=v0.2`: parts are announced by `pending`, and named by an id when they come and are complete.
 */
import type { ExecutionResult, GraphQLError } from 'graphql';
import {
  announcedIn,
  hasMore,
  idOfPart,
  type IncrementalResult,
  type PendingPart,
} from '#gateway/execute/answers/incremental-result.ts';

interface Message extends Omit<ExecutionResult, 'errors'> {
  readonly errors?: readonly GraphQLError[];
  readonly pending?: readonly PendingPart[];
  readonly incremental?: readonly ({ id: string; errors?: readonly GraphQLError[] } & (
    { data: object } | { items: readonly unknown[] }
  ))[];
  readonly completed?: readonly { id: string; errors?: readonly GraphQLError[] }[];
  readonly hasNext: boolean;
}

/** Makes of the messages of one answer, in order, those of this format. */
export function incrementalV02(): (message: IncrementalResult) => Message {
  /** Announced, and not complete. */
  const open = new Set<string>();
  return (message) => {
    const { incremental, errors, hasNext, extensions } = message;
    const pending = announcedIn(message);
    for (const { id } of pending) open.add(id);
    const announcing = pending.length === 0 ? {} : { pending };
    const rest = { hasNext, ...(extensions !== undefined && { extensions }) };
    if (message.data !== undefined)
      return { data: message.data, ...(errors !== undefined && { errors }), ...announcing, ...rest };
    const data: NonNullable<Message['incremental']>[number][] = [];
    const completed: NonNullable<Message['completed']>[number][] = [];
    /** Of parts that have no id: the answer was given up. */
    const lost = [...(errors ?? [])];
    for (const patch of incremental ?? []) {
      const id = idOfPart(patch);
      const told = patch.errors === undefined ? {} : { errors: patch.errors };
      if (id === undefined) {
        lost.push(...(patch.errors ?? []));
        continue;
      }
      // A null that moved up to the part itself, or to the list, leaves nothing of it.
      const isLost = 'items' in patch ? patch.items === null : patch.data === null;
      if (!isLost) {
        if (!('items' in patch)) data.push({ id, data: patch.data!, ...told });
        else if (patch.items!.length > 0) data.push({ id, items: patch.items!, ...told });
      }
      if (hasMore(patch)) continue;
      open.delete(id);
      completed.push(isLost ? { id, ...told } : { id });
    }
    if (!hasNext) {
      // Of objects that turned out to be of another type, or given up.
      for (const id of open) completed.push({ id, ...(lost.length > 0 && { errors: lost.splice(0) }) });
      open.clear();
    }
    return {
      ...announcing,
      ...(data.length > 0 && { incremental: data }),
      ...(completed.length > 0 && { completed }),
      ...rest,
    };
  };
}
