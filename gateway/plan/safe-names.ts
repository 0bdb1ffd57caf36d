/**
 * Names that a client may choose freely (aliases, variables) but that mean something else inside the engine. There they go by another
 * name, and the answer has the client's own:
 * - names that every JavaScript object has, so that no step can mistake `__proto__` or `constructor` for a part of an object (cf.
 *   CVE-2026-32621);
 * - aliases that are also names of fields: `{ text: title }` must not stand in for the field `text` that a subgraph requires;
 * - names of the engine's own stand-ins for fields that a subgraph requires with arguments (`required-fields.ts`).
 */
const PREFIX = '_own_';

/** How names of stand-ins begin. */
export const STAND_IN_PREFIX = '_required_';

/** Whether the name is one of Object.prototype's, or may be one of the engine's own. */
export const isUnsafeName = (name: string): boolean => name in Object.prototype || name.startsWith(STAND_IN_PREFIX);

/** The name to use for it inside the engine. A client's alias that equals it can only confuse that client's own answer. */
export const safeName = (name: string): string => `${PREFIX}${name in Object.prototype ? name.replaceAll('_', 'x') : name}`;

/** Names that response names must not take. */
export interface ReservedNames {
  /** All fields of the supergraph: no alias may pose as one. */
  readonly fieldNames: ReadonlySet<string>;
}
