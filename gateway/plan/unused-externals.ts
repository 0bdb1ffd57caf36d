/**
 * Leaves out `@join__field(external: true)` where nothing in that subgraph uses the field any more: the planner refuses
 * a supergraph that has one. When a stand-in takes over what a `@requires` says, the field itself may lose its only use
 * there.
 */
import {
  Kind,
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { isComposite, namedType, selectionSetOf, type Composite } from './field-sets.ts';

/** @param fields names of the fields to look at */
export function withoutUnusedExternals(supergraph: DocumentNode, fields: ReadonlySet<string>): DocumentNode {
  const used = new UsedFields(supergraph);
  const filtered = (type: string, field: FieldDefinitionNode): FieldDefinitionNode[] => {
    const { directives = [] } = field;
    const kept = directives.filter((directive) => {
      const graph = argumentOf(directive, 'graph');
      return (
        directive.name.value !== 'join__field' ||
        graph === undefined ||
        argumentOf(directive, 'external') !== true ||
        used.has(String(graph), type, field.name.value)
      );
    });
    if (kept.length === directives.length) return [field];
    // Without the directive the field would be in every subgraph.
    return kept.some(({ name }) => name.value === 'join__field') ? [{ ...field, directives: kept }] : [];
  };
  return {
    ...supergraph,
    definitions: supergraph.definitions.map((definition): DefinitionNode => {
      if (!isComposite(definition) || !definition.fields?.some(({ name }) => fields.has(name.value))) return definition;
      return {
        ...definition,
        fields: definition.fields.flatMap((field) =>
          fields.has(field.name.value) ? filtered(definition.name.value, field) : [field],
        ),
      };
    }),
  };
}

/** What the field sets and the interfaces of each subgraph use. */
class UsedFields {
  readonly #types = new Map<string, Composite>();
  /** `graph Type.field`. */
  readonly #used = new Set<string>();
  /** Types that implement an interface in a subgraph, by `graph Interface`. */
  readonly #implementers = new Map<string, string[]>();

  constructor(supergraph: DocumentNode) {
    for (const definition of supergraph.definitions)
      if (isComposite(definition)) this.#types.set(definition.name.value, definition);
    for (const type of this.#types.values()) this.#readImplements(type);
    for (const type of this.#types.values()) {
      this.#readFieldSets(type);
      if (type.kind === Kind.INTERFACE_TYPE_DEFINITION) this.#readInterface(type);
    }
  }

  has(graph: string, type: string, field: string): boolean {
    return this.#used.has(`${graph} ${type}.${field}`);
  }

  #readImplements(type: Composite): void {
    for (const directive of type.directives ?? []) {
      if (directive.name.value !== 'join__implements') continue;
      const key = `${String(argumentOf(directive, 'graph'))} ${String(argumentOf(directive, 'interface'))}`;
      const known = this.#implementers.get(key);
      if (known === undefined) this.#implementers.set(key, [type.name.value]);
      else known.push(type.name.value);
    }
  }

  #readFieldSets(type: Composite): void {
    const name = type.name.value;
    for (const directive of type.directives ?? []) {
      const key = directive.name.value === 'join__type' ? argumentOf(directive, 'key') : undefined;
      if (typeof key === 'string') this.#useAll(String(argumentOf(directive, 'graph')), selectionSetOf(key), name);
    }
    for (const field of type.fields ?? []) {
      for (const directive of field.directives ?? []) {
        if (directive.name.value !== 'join__field') continue;
        const graph = String(argumentOf(directive, 'graph'));
        const requires = argumentOf(directive, 'requires');
        const provides = argumentOf(directive, 'provides');
        if (typeof requires === 'string') this.#useAll(graph, selectionSetOf(requires), name);
        if (typeof provides === 'string') this.#useAll(graph, selectionSetOf(provides), namedType(field.type));
      }
    }
  }

  /** What an interface has in a subgraph, its implementers there must have. */
  #readInterface(type: Composite): void {
    const graphs = new Set(
      (type.directives ?? [])
        .filter(({ name }) => name.value === 'join__type')
        .map((directive) => String(argumentOf(directive, 'graph'))),
    );
    for (const field of type.fields ?? []) {
      const placed = (field.directives ?? [])
        .filter(({ name }) => name.value === 'join__field')
        .map((directive) => String(argumentOf(directive, 'graph')));
      for (const graph of placed.length === 0 ? graphs : placed)
        this.#useImplementations(graph, type.name.value, field.name.value);
    }
  }

  #useAll(graph: string, { selections }: SelectionSetNode, typeName: string): void {
    for (const selection of selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT)
        this.#useAll(graph, selection.selectionSet, selection.typeCondition?.name.value ?? typeName);
      if (selection.kind !== Kind.FIELD) continue;
      const field = this.#types.get(typeName)?.fields?.find(({ name }) => name.value === selection.name.value);
      if (field === undefined) continue;
      this.#used.add(`${graph} ${typeName}.${field.name.value}`);
      this.#useImplementations(graph, typeName, field.name.value);
      if (selection.selectionSet !== undefined) this.#useAll(graph, selection.selectionSet, namedType(field.type));
    }
  }

  #useImplementations(graph: string, typeName: string, field: string): void {
    for (const implementer of this.#implementers.get(`${graph} ${typeName}`) ?? [])
      this.#used.add(`${graph} ${implementer}.${field}`);
  }
}

function argumentOf(directive: ConstDirectiveNode, name: string): string | boolean | undefined {
  const value = directive.arguments?.find((argument) => argument.name.value === name)?.value;
  return value?.kind === Kind.STRING || value?.kind === Kind.ENUM || value?.kind === Kind.BOOLEAN
    ? value.value
    : undefined;
}
