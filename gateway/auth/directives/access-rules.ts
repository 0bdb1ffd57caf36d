/**
 * What callers need to be shown each field of a supergraph. Whatever way leads to a field, the same is needed: directly,
 * through an interface, a union or a fragment. A field needs
 *
 * - what it demands itself, what its object's type demands, and what the type of its value demands;
 * - what the fields demand of whose values it is made (`@requires`, `@fromContext`), since it could tell them. Composition
 *   asks authors to repeat that; a supergraph that was composed elsewhere, or before it did, may lack it;
 * - what an interface of its object's type demands. Composition writes on an interface what its implementers demand all
 *   together, so that this alone says nothing new; what goes beyond it was written on the interface, and holds for all.
 */
import { Kind, parse, type ConstDirectiveNode, type DocumentNode, type SelectionSetNode } from 'graphql';
import { isComposite, namedType, selectionSetOf, type Composite } from '#gateway/plan/field-sets.ts';
import { argumentOf, directiveName, linksOf } from '#gateway/plan/links.ts';
import { ClauseTable, NO_CLAUSES, type Clauses } from './clauses.ts';
import { GuardReader } from './guards.ts';

interface FieldRule {
  /** What the field itself demands. */
  readonly own: Set<number>;
  /** The name of its value's type. */
  readonly type: string;
  /** Selections, and the types they are of, of whose values it is made. */
  readonly madeOf: (readonly [type: string, selectionSet: SelectionSetNode])[];
}

/** The rules of one supergraph. */
export class AccessRules {
  readonly table = new ClauseTable();
  /** What types demand. */
  readonly #types = new Map<string, Set<number>>();
  readonly #fields = new Map<string, Map<string, FieldRule>>();
  readonly #interfaces = new Map<string, readonly string[]>();
  readonly #implementers = new Map<string, string[]>();
  readonly #needed = new Map<string, Clauses>();

  constructor(supergraphSdl: string) {
    const document = parse(supergraphSdl, { noLocation: true });
    this.#readTypes(document);
    if (this.table.size > 0) this.#pushDown();
  }

  /** Whether nothing is protected. */
  get isOpen(): boolean {
    return this.table.size === 0;
  }

  /** What is needed to be shown objects or values of the type. */
  ofType(name: string): Clauses {
    return this.#types.get(name) ?? NO_CLAUSES;
  }

  /** What is needed to be shown the field of objects of the type. */
  ofField(type: string, field: string): Clauses {
    if (this.isOpen) return NO_CLAUSES;
    const coordinate = `${type}.${field}`;
    let needed = this.#needed.get(coordinate);
    if (needed === undefined) {
      const all = new Set<number>();
      this.#collect(type, field, all, new Set());
      this.#needed.set(coordinate, (needed = all));
    }
    return needed;
  }

  #readTypes(document: DocumentNode): void {
    const guards = new GuardReader(document, this.table);
    const context = directiveName(linksOf(document), 'context');
    const contexts = new Map<string, string[]>();
    for (const definition of document.definitions) {
      if (!('name' in definition) || definition.name === undefined || definition.kind === Kind.DIRECTIVE_DEFINITION)
        continue;
      const name = definition.name.value;
      this.#types.set(name, new Set([...this.ofType(name), ...guards.read(definition.directives as never)]));
      for (const directive of (definition.directives ?? []) as readonly ConstDirectiveNode[]) {
        const named = directive.name.value === context ? argumentOf(directive, 'name') : undefined;
        if (named?.kind === Kind.STRING) push(contexts, named.value, name);
      }
    }
    for (const definition of document.definitions) {
      if (!isComposite(definition)) continue;
      const type = definition.name.value;
      this.#interfaces.set(
        type,
        (definition.interfaces ?? []).map(({ name }) => name.value),
      );
      if (definition.kind === Kind.OBJECT_TYPE_DEFINITION)
        for (const { name } of definition.interfaces ?? []) push(this.#implementers, name.value, type);
      this.#fields.set(type, fieldRules(definition, guards, contexts));
    }
  }

  /** What interfaces demand beyond what their implementers do; told of all before any is changed. */
  #pushDown(): void {
    const changes: (() => void)[] = [];
    for (const [name, implementers] of this.#implementers) {
      const types = implementers.map((implementer) => this.#types.get(implementer)!);
      const beyond = this.#beyond(this.ofType(name), types);
      changes.push(() => {
        for (const type of types) addAll(type, beyond);
        this.#types.set(name, new Set(beyond));
      });
      for (const [field, rule] of this.#fields.get(name) ?? []) {
        const owns = implementers.flatMap((implementer) => this.#fields.get(implementer)?.get(field)?.own ?? []);
        const fieldsBeyond = this.#beyond(rule.own, owns);
        changes.push(() => owns.forEach((own) => addAll(own, fieldsBeyond)));
      }
    }
    for (const change of changes) change();
  }

  #beyond(demanded: Clauses, implementers: readonly Clauses[]): number[] {
    const together = implementers.flatMap((clauses) => [...clauses]);
    return [...demanded].filter((clause) => !this.table.implies(together, clause));
  }

  #collect(type: string, field: string, into: Set<number>, seen: Set<string>): void {
    const coordinate = `${type}.${field}`;
    if (seen.has(coordinate)) return; // Also where fields require one another.
    seen.add(coordinate);
    const rule = this.#fields.get(type)?.get(field);
    if (rule === undefined) return;
    addAll(into, rule.own);
    addAll(into, this.ofType(type));
    addAll(into, this.ofType(rule.type));
    for (const [of, selectionSet] of rule.madeOf) this.#collectSelection(of, selectionSet, into, seen);
    // A subgraph with an interface object says of the interface what its field requires of each type.
    for (const name of this.#interfaces.get(type) ?? []) {
      for (const [, selectionSet] of this.#fields.get(name)?.get(field)?.madeOf ?? [])
        this.#collectSelection(type, selectionSet, into, seen);
    }
    // Where only the interface is known, any type may be meant.
    for (const implementer of this.#implementers.get(type) ?? []) this.#collect(implementer, field, into, seen);
  }

  #collectSelection(type: string, { selections }: SelectionSetNode, into: Set<number>, seen: Set<string>): void {
    for (const selection of selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        this.#collectSelection(selection.typeCondition?.name.value ?? type, selection.selectionSet, into, seen);
      } else if (selection.kind === Kind.FIELD) {
        this.#collect(type, selection.name.value, into, seen);
        const below = this.#fields.get(type)?.get(selection.name.value)?.type;
        if (selection.selectionSet !== undefined && below !== undefined)
          this.#collectSelection(below, selection.selectionSet, into, seen);
      }
    }
  }
}

function fieldRules(
  definition: Composite,
  guards: GuardReader,
  contexts: ReadonlyMap<string, readonly string[]>,
): Map<string, FieldRule> {
  const rules = new Map<string, FieldRule>();
  for (const { name, type, directives = [] } of definition.fields ?? []) {
    const madeOf: FieldRule['madeOf'] = [];
    for (const directive of directives) {
      const requires = argumentOf(directive, 'requires');
      if (requires?.kind === Kind.STRING) madeOf.push([definition.name.value, selectionSetOf(requires.value)]);
      const passed = argumentOf(directive, 'contextArguments');
      for (const item of passed?.kind === Kind.LIST ? passed.values : []) {
        if (item.kind !== Kind.OBJECT) continue;
        const texts = new Map(
          item.fields.map((field) => [field.name.value, field.value.kind === Kind.STRING ? field.value.value : '']),
        );
        const selection = (texts.get('selection') ?? '').trim();
        const selectionSet = selectionSetOf(selection.startsWith('{') ? selection.slice(1, -1) : selection);
        for (const around of contexts.get(texts.get('context') ?? '') ?? []) madeOf.push([around, selectionSet]);
      }
    }
    rules.set(name.value, { own: new Set(guards.read(directives)), type: namedType(type), madeOf });
  }
  return rules;
}

function push<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function addAll(into: Set<number>, clauses: Iterable<number>): void {
  for (const clause of clauses) into.add(clause);
}
