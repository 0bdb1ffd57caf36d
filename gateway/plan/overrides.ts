/**
 * Decides progressive overrides (`@override(from:, label:)`) for each request. `percent(x)` holds for x percent of
 * requests, by a hash of the label and the request's id: the same request falls on the same side wherever and whenever
 * it is asked. (https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/entities/migrate-fields)
 */
import type { RequestContext } from '#subgraphs/shared/context.ts';

/** @returns whether the label holds for the request; undefined to leave it to its default */
export type OverrideHook = (label: string, context: RequestContext) => boolean | undefined;

const PERCENT = /^percent\((\d{1,3}(?:\.\d{1,8})?)\)$/;

const NONE: readonly string[] = [];

/** The labels of one supergraph. */
export class ProgressiveOverrides {
  readonly #labels: readonly { readonly label: string; readonly percent: number | undefined }[];
  readonly #hook: OverrideHook | undefined;

  /** @param labels those that the supergraph's overrides name */
  constructor(labels: Iterable<string>, hook?: OverrideHook) {
    this.#labels = [...labels].sort().map((label) => {
      const percent = PERCENT.exec(label)?.[1];
      return { label, percent: percent === undefined ? undefined : Number(percent) };
    });
    this.#hook = hook;
  }

  /** The labels that hold for a request, sorted. */
  of(context: RequestContext): readonly string[] {
    if (this.#labels.length === 0) return NONE;
    return this.#labels.flatMap(({ label, percent }) => {
      const decided =
        this.#hook?.(label, context) ??
        (percent !== undefined && percentile(`${label} ${context.requestId}`) < percent);
      return decided ? [label] : [];
    });
  }
}

/**
 * Where a text falls in [0, 100), evenly over texts (FNV-1a with a final mix,
 * http://www.isthe.com/chongo/tech/comp/fnv/).
 */
export function percentile(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (((value ^ (value >>> 16)) >>> 0) / 4_294_967_296) * 100;
}
