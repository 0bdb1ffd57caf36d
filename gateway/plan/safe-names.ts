/**
 * Names that a client may choose freely (aliases, variables) but that mean something else inside the engine. There they go by another
 * name, and the answer has the client's own:
 * - names that every JavaScript object has, so that no step can mistake `__proto__` or `constructor` for a part of an object (cf.
 *   CVE-2026-32621);
 * - aliases that are also names of fields: `{ text: title }` must not stand in for the field `text` that a subgraph requires.
 */
const PREFIX = '_own_';

/** Whether the name is one of Object.prototype's. */
export const isUnsafeName = (name: string): boolean => name in Object.prototype;

/** The name to use for it inside the engine. A client's alias that equals it can only confuse that client's own answer. */
export const safeName = (name: string): string => `${PREFIX}${isUnsafeName(name) ? name.replaceAll('_', 'x') : name}`;
