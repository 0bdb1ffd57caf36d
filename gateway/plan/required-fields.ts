/**
 * Gives each field that some `@requires` names, and that takes arguments, a stand-in without arguments: `parts(first:
 * 5)` becomes `_required_0_parts`, of the same type, in the same subgraphs. The planner then plans each use for itself.
 */
import {
  Kind,
  print,
  stripIgnoredCharacters,
  type ArgumentNode,
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { isComposite, namedType, selectionSetOf, type Composite } from './field-sets.ts';
import { STAND_IN_PREFIX } from './safe-names.ts';
import { withoutUnusedExternals } from './unused-externals.ts';

/** What a stand-in stands for. */
export interface RequiredField {
  readonly name: string;
  readonly arguments: readonly ArgumentNode[];
}

/** Where in a representation a required field is (names of fields, without types), and its stand-in. */
export type RequiredAt = ReadonlyMap<string, string>;

export interface RequiredFields {
  readonly byStandIn: ReadonlyMap<string, RequiredField>;
  /** What a field requires with arguments, by `subgraph Type.field`. */
  readonly byField: ReadonlyMap<string, RequiredAt>;
}

/** Key of {@link RequiredFields.byField}. */
export const requiringField = (service: string, type: string, field: string): string => `${service} ${type}.${field}`;

/** @param supergraph not changed; what needs no stand-in is in the result as it is */
export function standInForRequired(supergraph: DocumentNode): { document: DocumentNode; required: RequiredFields } {
  const maker = new StandInMaker(supergraph);
  const definitions = supergraph.definitions.map((definition) =>
    isComposite(definition) ? maker.rewriteRequires(definition) : definition,
  );
  const required = { byStandIn: maker.byStandIn, byField: maker.byField };
  if (required.byStandIn.size === 0) return { document: supergraph, required };
  const document = {
    ...supergraph,
    definitions: definitions.map((definition) =>
      isComposite(definition) ? maker.addStandIns(definition) : definition,
    ),
  };
  const touched = new Set([...required.byStandIn].flatMap(([standIn, { name }]) => [standIn, name]));
  return { document: withoutUnusedExternals(document, touched), required };
}

class StandInMaker {
  readonly byStandIn = new Map<string, RequiredField>();
  readonly byField = new Map<string, Map<string, string>>();
  readonly #types = new Map<string, Composite>();
  readonly #implementers = new Map<string, string[]>();
  /** Names of subgraphs by their values of `join__Graph`. */
  readonly #services = new Map<string, string>();
  /** Stand-ins by the field and arguments that they stand for. */
  readonly #standIns = new Map<string, string>();
  /** Stand-ins that types need, by type. */
  readonly #needed = new Map<string, Set<string>>();

  constructor(supergraph: DocumentNode) {
    for (const definition of supergraph.definitions) {
      if (isComposite(definition)) {
        this.#types.set(definition.name.value, definition);
        for (const { name } of definition.interfaces ?? []) {
          const known = this.#implementers.get(name.value);
          if (known === undefined) this.#implementers.set(name.value, [definition.name.value]);
          else known.push(definition.name.value);
        }
      } else if (definition.kind === Kind.ENUM_TYPE_DEFINITION && definition.name.value === 'join__Graph') {
        for (const { name, directives } of definition.values ?? []) {
          const service = directives?.[0]?.arguments?.find((argument) => argument.name.value === 'name')?.value;
          this.#services.set(name.value, service?.kind === Kind.STRING ? service.value : name.value);
        }
      }
    }
  }

  rewriteRequires(type: Composite): Composite {
    let isChanged = false;
    const fields = type.fields?.map((field) => {
      const directives = field.directives?.map((directive) => {
        const rewritten = this.#rewriteDirective(directive, type.name.value, field.name.value);
        if (rewritten !== directive) isChanged = true;
        return rewritten;
      });
      return { ...field, directives };
    });
    return isChanged ? { ...type, fields } : type;
  }

  #rewriteDirective(directive: ConstDirectiveNode, type: string, field: string): ConstDirectiveNode {
    if (directive.name.value !== 'join__field') return directive;
    const requires = directive.arguments?.find(({ name }) => name.value === 'requires')?.value;
    const graph = directive.arguments?.find(({ name }) => name.value === 'graph')?.value;
    if (requires?.kind !== Kind.STRING || graph?.kind !== Kind.ENUM) return directive;
    const at = new Map<string, string>();
    const selectionSet = this.#rewrite(selectionSetOf(requires.value), type, [], at);
    if (at.size === 0) return directive;
    this.byField.set(requiringField(this.#services.get(graph.value) ?? graph.value, type, field), at);
    const value = stripIgnoredCharacters(print(selectionSet)).slice(1, -1);
    return {
      ...directive,
      arguments: directive.arguments!.map((argument) =>
        argument.name.value === 'requires' ? { ...argument, value: { kind: Kind.STRING, value } } : argument,
      ),
    };
  }

  #rewrite(
    selectionSet: SelectionSetNode,
    typeName: string,
    path: readonly string[],
    at: Map<string, string>,
  ): SelectionSetNode {
    return {
      kind: Kind.SELECTION_SET,
      selections: selectionSet.selections.map((selection): SelectionNode => {
        if (selection.kind === Kind.FRAGMENT_SPREAD) return selection;
        if (selection.kind === Kind.INLINE_FRAGMENT) {
          return {
            ...selection,
            selectionSet: this.#rewrite(
              selection.selectionSet,
              selection.typeCondition?.name.value ?? typeName,
              path,
              at,
            ),
          };
        }
        const name = selection.name.value;
        const definition = this.#types.get(typeName)?.fields?.find((candidate) => candidate.name.value === name);
        if (definition === undefined) return selection;
        const below = [...path, name];
        const rewritten =
          selection.selectionSet === undefined
            ? selection
            : {
                ...selection,
                selectionSet: this.#rewrite(selection.selectionSet, namedType(definition.type), below, at),
              };
        if (definition.arguments === undefined || definition.arguments.length === 0) return rewritten;
        const standIn = this.#standIn(name, selection.arguments ?? []);
        this.#need(typeName, name, standIn);
        at.set(below.join('.'), standIn);
        return { ...rewritten, name: { kind: Kind.NAME, value: standIn }, arguments: [] };
      }),
    };
  }

  #standIn(name: string, given: readonly ArgumentNode[]): string {
    const ordered = [...given].sort((one, other) => (one.name.value < other.name.value ? -1 : 1));
    const key = `${name}(${ordered.map(print).join()})`;
    let standIn = this.#standIns.get(key);
    if (standIn === undefined) {
      standIn = `${STAND_IN_PREFIX}${this.byStandIn.size}_${name}`;
      this.#standIns.set(key, standIn);
      this.byStandIn.set(standIn, { name, arguments: ordered });
    }
    return standIn;
  }

  /**
   * An interface's implementers need what it needs; and it needs what they do, for a subgraph may have it as an
   * interface object.
   */
  #need(typeName: string, field: string, standIn: string): void {
    const type = this.#types.get(typeName);
    if (!type?.fields?.some(({ name }) => name.value === field)) return;
    let needed = this.#needed.get(typeName);
    if (needed === undefined) {
      needed = new Set();
      this.#needed.set(typeName, needed);
    }
    if (needed.has(standIn)) return;
    needed.add(standIn);
    for (const implementer of this.#implementers.get(typeName) ?? []) this.#need(implementer, field, standIn);
    for (const { name } of type.interfaces ?? []) this.#need(name.value, field, standIn);
  }

  addStandIns(type: Composite): Composite {
    const needed = this.#needed.get(type.name.value);
    if (needed === undefined) return type;
    const added = [...needed].map((standIn): FieldDefinitionNode => {
      const original = type.fields!.find(({ name }) => name.value === this.byStandIn.get(standIn)!.name)!;
      return { ...original, name: { kind: Kind.NAME, value: standIn }, arguments: [], description: undefined };
    });
    return { ...type, fields: [...type.fields!, ...added] };
  }
}
