/**
 * Names that a client may choose freely (aliases, variables) but that mean something else inside the engine. There they
 * go by another name, and the answer has the client's own:
 * - names that every JavaScript object has, so that no step can mistake `__proto__` or `constructor` for a part of an
 *   object (cf. CVE-2026-32621);
 * - aliases that are also names of fields: `{ text: title }` must not stand in for the field `text` that a subgraph
 *   requires;
 * - names of the engine's own: these other names, and stand-ins for fields that a subgraph requires with arguments
 *   (`required-fields.ts`);
 * - response names that stand for several things in one operation, as they may for objects of different types: the
 *   planner takes a field for the same whatever its arguments, and in an interface object all types are one.
 */
const PREFIX = '_own_';

/** How names of stand-ins begin. */
export const STAND_IN_PREFIX = '_required_';

/** Whether the name is one of Object.prototype's, or may be one of the engine's own. */
export const isUnsafeName = (name: string): boolean =>
  name in Object.prototype || name.startsWith(STAND_IN_PREFIX) || name.startsWith(PREFIX);

/**
 * The name to use for it inside the engine.
 * @param use which of its uses in the operation, where it has several
 */
export const safeName = (name: string, use = 0): string =>
  `${PREFIX}${use === 0 ? '' : `${use}_`}${name in Object.prototype ? name.replaceAll('_', 'x') : name}`;

/** Names that response names must not take. */
export interface ReservedNames {
  /** All fields of the supergraph: no alias may pose as one. */
  readonly fieldNames: ReadonlySet<string>;
}
