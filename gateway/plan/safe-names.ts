/**
 * Names that a client may choose freely (aliases, variables) but that mean something else inside the engine. There they go by another
 * name, and the answer has the client's own:
 * - names that every JavaScript object has, so that no step can mistake `__proto__` or `constructor` for a part of an object (cf.
 *   CVE-2026-32621);
 * - aliases that are also names of fields: `{ text: title }` must not stand in for the field `text` that a subgraph requires;
 * - fields that a subgraph requires with arguments of its own: the planner tells fields apart by their response names alone.
 */
const PREFIX = '_own_';

/** Whether the name is one of Object.prototype's. */
export const isUnsafeName = (name: string): boolean => name in Object.prototype;

/** The name to use for it inside the engine. A client's alias that equals it can only confuse that client's own answer. */
export const safeName = (name: string): string => `${PREFIX}${isUnsafeName(name) ? name.replaceAll('_', 'x') : name}`;

/** Names that response names must not take. */
export interface ReservedNames {
  /** All fields of the supergraph: no alias may pose as one. */
  readonly fieldNames: ReadonlySet<string>;
  /** Fields that some `@requires` names with arguments: what the client asks of one is another thing. */
  readonly requiredWithArguments: ReadonlySet<string>;
}
