/**
 * What objects lack because fetches failed. Whoever requires it cannot be asked, and so the failure costs that too: each
 * null needs an error that leads to it.
 */
import type { QueryPlanSelectionNode } from '@apollo/query-planner';
import type { Failure } from '#gateway/respond/response-errors.ts';
import { isObject, own, type JsonObject } from '../json-object.ts';
import type { ExecutableFetch } from './executable-plan.ts';

/** Why an object lacks what a fetch was to bring. */
export interface Loss {
  /** What was to bring it. */
  readonly fetch: ExecutableFetch;
  /** What failed: the fetch itself, or one that brings what it requires. */
  readonly of: ExecutableFetch;
  readonly failure: Failure;
  /** Whether the failure is told once for all that it cost, and not at each place. */
  readonly isWhole: boolean;
}

/** The losses of one run. */
export class Losses {
  /** Made when something is lost: most runs lose nothing. */
  #byObject: Map<JsonObject, Loss[]> | undefined;

  get isEmpty(): boolean {
    return this.#byObject === undefined;
  }

  add(object: JsonObject, loss: Loss): void {
    this.#byObject ??= new Map();
    const known = this.#byObject.get(object);
    if (known === undefined) this.#byObject.set(object, [loss]);
    else known.push(loss);
  }

  /** Why some of what is required is not there, in the object or in what it leads to. */
  *of(value: unknown, requires: readonly QueryPlanSelectionNode[]): Generator<Loss> {
    if (Array.isArray(value)) {
      for (const item of value) yield* this.of(item, requires);
      return;
    }
    if (!isObject(value)) return;
    const losses = this.#byObject?.get(value);
    for (const { key, below } of fieldsOf(requires)) {
      const present = own(value, key);
      if (present !== undefined) yield* this.of(present, below);
      else for (const loss of losses ?? []) if (loss.fetch.keys.some((lost) => lost.key === key)) yield loss;
    }
  }
}

function* fieldsOf(
  selections: readonly QueryPlanSelectionNode[],
): Generator<{ key: string; below: readonly QueryPlanSelectionNode[] }> {
  for (const selection of selections) {
    if (selection.kind === 'InlineFragment') yield* fieldsOf(selection.selections);
    else yield { key: selection.alias ?? selection.name, below: selection.selections ?? [] };
  }
}
