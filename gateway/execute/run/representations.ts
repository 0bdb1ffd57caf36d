/** Builds the representations of entities that a fetch asks for, each once. */
import type { FetchDataRewrite, QueryPlanSelectionNode } from '@apollo/query-planner';
import { writeJson } from '#subgraphs/shared/exact-number.ts';
import { emptyObject, isObject, own, type JsonObject } from '../json-object.ts';
import type { SupergraphTypes } from '../supergraph-types.ts';

/** The distinct representations, and what each stands for. */
export interface Representations {
  readonly values: JsonObject[];
  /** The objects that have one. */
  readonly objects: JsonObject[];
  /** For each of `objects`, the index of its representation in `values`. */
  readonly indices: number[];
}

/** Representations that are being gathered. */
export interface RepresentationBuilder extends Representations {
  /** Those that lack something required, and so have none. */
  readonly lacking: JsonObject[];
  /** Adds those of `objects` from one index up to another. */
  add(objects: readonly JsonObject[], from: number, to: number): void;
}

/**
 * @param requires what the subgraph needs to know of an entity
 * @param asked the types that it is asked for
 * @param rewrites what changes in it, such as the type name for an interface object
 */
export function compileRepresentations(
  requires: readonly QueryPlanSelectionNode[],
  asked: ReadonlySet<string>,
  rewrites: readonly FetchDataRewrite[] | undefined,
  types: SupergraphTypes,
): () => RepresentationBuilder {
  const steps = compileSteps(requires);
  const interfaceObjects = interfaceObjectsOf(rewrites);
  /** By type name. */
  const plain = new Map<string, readonly string[] | undefined>();
  const plainKeysOf = (name: string): readonly string[] | undefined => {
    let keys = plain.get(name);
    if (keys === undefined && !plain.has(name))
      plain.set(name, (keys = rewrites === undefined ? plainKeys(steps, name, types) : undefined));
    return keys;
  };
  const add = (builder: Builder, objects: readonly JsonObject[], from: number, to: number): void => {
    for (let index = from; index < to; index++) {
      const object = objects[index]!;
      const name = object.__typename;
      const keys = typeof name === 'string' ? plainKeysOf(name) : undefined;
      if (keys !== undefined && builder.addPlain(object, name as string, keys)) continue;
      const representation = emptyObject();
      if (!select(object, steps, representation, types)) {
        builder.lacking.push(object);
        continue;
      }
      if (typeof representation.__typename !== 'string') continue;
      if (rewrites !== undefined) {
        rewrite(representation, rewrites, asked, types);
        if (!isAsked(representation.__typename, asked, interfaceObjects, types)) continue;
      }
      builder.addAny(object, representation);
    }
  };
  return () => new Builder(add);
}

/** The representations of one type that were the first with a value of `key`, by that value. */
interface FirstOfType {
  readonly key: string;
  readonly byValue: Map<unknown, number>;
}

/** Gathers the representations of one fetch. */
class Builder implements RepresentationBuilder {
  readonly values: JsonObject[] = [];
  readonly objects: JsonObject[] = [];
  readonly indices: number[] = [];
  readonly lacking: JsonObject[] = [];
  /** Indices by text. */
  readonly #byText = new Map<string, number>();
  readonly #byType = new Map<string, FirstOfType>();
  readonly #add: (builder: Builder, objects: readonly JsonObject[], from: number, to: number) => void;
  #lastName: string | undefined;
  #last: FirstOfType | undefined;

  constructor(add: (builder: Builder, objects: readonly JsonObject[], from: number, to: number) => void) {
    this.#add = add;
  }

  add(objects: readonly JsonObject[], from: number, to: number): void {
    this.#add(this, objects, from, to);
  }

  /**
   * Adds one of scalars alone, or notes that it lacks one. False when it must be compared by its text: the key that was
   * chosen does not tell it from another.
   */
  addPlain(object: JsonObject, name: string, keys: readonly string[]): boolean {
    for (let index = 0; index < keys.length; index++) {
      const value = object[keys[index]!];
      if (value === undefined) {
        this.lacking.push(object);
        return true;
      }
      if (typeof value === 'object' && value !== null) return false;
    }
    const { key, byValue } = this.#firstOf(name, object, keys);
    const value = object[key];
    const same = byValue.get(value);
    if (same === undefined) {
      byValue.set(value, this.values.length);
      const representation = emptyObject();
      for (let index = 0; index < keys.length; index++) representation[keys[index]!] = object[keys[index]!];
      this.#push(object, representation);
      return true;
    }
    const representation = this.values[same]!;
    for (let index = 0; index < keys.length; index++)
      if (representation[keys[index]!] !== object[keys[index]!]) return false;
    this.objects.push(object);
    this.indices.push(same);
    return true;
  }

  addAny(object: JsonObject, representation: JsonObject): void {
    const text = textOf(representation);
    const same = this.#byText.get(text);
    if (same === undefined) {
      this.#byText.set(text, this.values.length);
      this.#push(object, representation);
    } else {
      this.objects.push(object);
      this.indices.push(same);
    }
  }

  #firstOf(name: string, object: JsonObject, keys: readonly string[]): FirstOfType {
    if (this.#lastName === name) return this.#last!;
    let first = this.#byType.get(name);
    if (first === undefined) {
      // The type name says nothing; an identifier is a string, where there is one.
      const key =
        keys.findLast((candidate) => candidate !== '__typename' && typeof object[candidate] === 'string') ??
        keys.at(-1)!;
      first = { key, byValue: new Map() };
      this.#byType.set(name, first);
    }
    this.#lastName = name;
    this.#last = first;
    return first;
  }

  #push(object: JsonObject, representation: JsonObject): void {
    this.objects.push(object);
    this.indices.push(this.values.length);
    this.values.push(representation);
  }
}

/**
 * The same representations in an order that does not depend on where they were found, so that equal questions are
 * equal.
 */
export function inCommonOrder({ values, objects, indices }: Representations): Representations {
  if (values.length < 2) return { values, objects, indices };
  const order = values
    .map((value, index) => ({ text: textOf(value), index }))
    .sort((one, other) => (one.text < other.text ? -1 : 1));
  const places = new Array<number>(values.length);
  order.forEach(({ index }, place) => (places[index] = place));
  return { values: order.map(({ index }) => values[index]!), objects, indices: indices.map((index) => places[index]!) };
}

/** The same representations, at most `size` together. */
export function batchesOf({ values, objects, indices }: Representations, size: number): Representations[] {
  const batches: Representations[] = [];
  for (let start = 0; start < values.length; start += size)
    batches.push({ values: values.slice(start, start + size), objects: [], indices: [] });
  for (let place = 0; place < objects.length; place++) {
    const index = indices[place]!;
    const batch = batches[Math.floor(index / size)]!;
    batch.objects.push(objects[place]!);
    batch.indices.push(index % size);
  }
  return batches;
}

type Step =
  | { readonly kind: 'fragment'; readonly condition: string | undefined; readonly steps: readonly Step[] }
  | {
      readonly kind: 'field';
      readonly key: string;
      readonly isUnsafe: boolean;
      readonly steps: readonly Step[] | undefined;
    };

const compileSteps = (selections: readonly QueryPlanSelectionNode[]): Step[] =>
  selections.map((selection): Step => {
    if (selection.kind === 'InlineFragment')
      return { kind: 'fragment', condition: selection.typeCondition, steps: compileSteps(selection.selections) };
    const key = selection.alias ?? selection.name;
    return {
      kind: 'field',
      key,
      isUnsafe: key in Object.prototype,
      steps: selection.selections && compileSteps(selection.selections),
    };
  });

/** The keys to copy from an object of the type `name`; undefined when there is more to do than to copy leaves. */
function plainKeys(steps: readonly Step[], name: string, types: SupergraphTypes): string[] | undefined {
  const keys = new Set<string>();
  const collect = (below: readonly Step[]): boolean =>
    below.every((step) => {
      if (step.kind === 'fragment')
        return (step.condition !== undefined && !types.matches(name, step.condition)) || collect(step.steps);
      keys.add(step.key);
      return step.steps === undefined && !step.isUnsafe;
    });
  return collect(steps) && keys.has('__typename') ? [...keys] : undefined;
}

/**
 * A text that equal representations share and others do not. The length of each string keeps it apart from what
 * follows.
 */
function textOf(representation: JsonObject): string {
  let text = '';
  for (const key in representation) {
    const value = representation[key];
    text += typeof value === 'string' ? `${key} ${value.length} ${value}` : `${key}=${writeJson(value)};`;
  }
  return text;
}

/** Copies what is selected; false when something is missing, which a null is not. */
function select(source: JsonObject, steps: readonly Step[], into: JsonObject, types: SupergraphTypes): boolean {
  for (const step of steps) {
    if (step.kind === 'fragment') {
      const name = source.__typename;
      const { condition } = step;
      if (condition !== undefined && (typeof name !== 'string' || !types.matches(name, condition))) continue;
      if (!select(source, step.steps, into, types)) return false;
      continue;
    }
    const { key, steps: below } = step;
    const value = step.isUnsafe ? own(source, key) : source[key];
    if (value === undefined) return false;
    if (below === undefined) {
      into[key] = value;
    } else {
      const copy = selectValue(value, below, into[key], types);
      if (copy === undefined) return false;
      into[key] = copy;
    }
  }
  return true;
}

function selectValue(value: unknown, steps: readonly Step[], into: unknown, types: SupergraphTypes): unknown {
  if (value === null) return null;
  if (Array.isArray(value)) {
    const copies: unknown[] = [];
    for (let index = 0; index < value.length; index++) {
      const copy = selectValue(value[index], steps, Array.isArray(into) ? into[index] : undefined, types);
      if (copy === undefined) return undefined;
      copies.push(copy);
    }
    return copies;
  }
  if (!isObject(value)) return value;
  const copy = isObject(into) ? into : emptyObject();
  return select(value, steps, copy, types) ? copy : undefined;
}

/** What types of the subgraph stand for all that implement an interface: what representations are made to be of. */
const interfaceObjectsOf = (rewrites: readonly FetchDataRewrite[] = []): ReadonlySet<unknown> =>
  new Set(
    rewrites.flatMap((each) =>
      each.kind === 'ValueSetter' && each.path.at(-1) === '__typename' ? each.setValueTo : [],
    ),
  );

/**
 * Whether the subgraph is asked for something of objects of the type. The planner adds what a field of an interface
 * object requires for every type, though the field is asked of some: the others come without a key, and as themselves.
 */
function isAsked(
  name: string,
  asked: ReadonlySet<string>,
  interfaceObjects: ReadonlySet<unknown>,
  types: SupergraphTypes,
): boolean {
  if (interfaceObjects.size === 0 || asked.has(name)) return true;
  for (const type of asked) if (!interfaceObjects.has(type) && types.matches(name, type)) return true;
  return false;
}

function rewrite(
  representation: JsonObject,
  rewrites: readonly FetchDataRewrite[],
  asked: ReadonlySet<string>,
  types: SupergraphTypes,
): void {
  const { __typename: name } = representation;
  // The planner merges fetches through an interface's key with those through a type's own. Where the subgraph is asked
  // for the type itself it gets the type itself: the interface's resolver knows nothing of what the type's fields
  // require.
  const isAskedItself = asked.has(String(name));
  for (const each of rewrites) {
    if (!isAskedItself || each.kind === 'KeyRenamer' || each.path[0] === `... on ${String(name)}`)
      applyRewrite(representation, each, 0, types);
  }
}

/** Unlike `@apollo/gateway`'s, renames falsy values too. */
function applyRewrite(value: unknown, rewrite: FetchDataRewrite, depth: number, types: SupergraphTypes): void {
  if (Array.isArray(value)) {
    for (const item of value) applyRewrite(item, rewrite, depth, types);
    return;
  }
  if (!isObject(value)) return;
  const part = rewrite.path[depth]!;
  if (part.startsWith('... on ')) {
    const name = value.__typename;
    if (typeof name !== 'string' || types.matches(name, part.slice('... on '.length)))
      applyRewrite(value, rewrite, depth + 1, types);
  } else if (depth < rewrite.path.length - 1) {
    applyRewrite(own(value, part), rewrite, depth + 1, types);
  } else if (rewrite.kind === 'ValueSetter') {
    value[part] = rewrite.setValueTo;
  } else if (Object.hasOwn(value, part)) {
    value[rewrite.renameKeyTo] = value[part];
    delete value[part];
  }
}
