/**
 * What the executor must know of the supergraph's types, inaccessible ones included: which are abstract, and what
 * belongs to them.
 */
import { Kind, parse, type TypeNode } from 'graphql';
import { selectionSetOf } from '#gateway/plan/field-sets.ts';
import { argumentOf } from '#gateway/plan/links.ts';

export interface SupergraphTypes {
  /** Whether a value of the type `name` matches the type condition `condition`. */
  matches(name: string, condition: string): boolean;
  /** Whether the name is an interface's: what a subgraph with an interface object says instead of the type. */
  isInterface(name: string): boolean;
  /** Names of all fields, of any type, whose values are a custom scalar's. */
  readonly customScalarFields: ReadonlySet<string>;
  /** Names of all fields of objects and interfaces, and `__typename`. */
  readonly fieldNames: ReadonlySet<string>;
  /** Labels of progressive overrides. */
  readonly overrideLabels: ReadonlySet<string>;
  /** Names of all fields that entities are told apart by (`@key`). */
  readonly keyFields: ReadonlySet<string>;
}

/** Reads a supergraph's SDL. */
export function readSupergraphTypes(supergraphSdl: string): SupergraphTypes {
  const interfaces = new Set<string>();
  const fieldNames = new Set<string>(['__typename']);
  const fieldTypes: [field: string, type: string][] = [];
  const customScalars = new Set<string>();
  const overrideLabels = new Set<string>();
  const keyFields = new Set<string>();
  const abstractTypes = new Map<string, Set<string>>();
  const add = (abstractType: string, member: string) => {
    const members = abstractTypes.get(abstractType);
    if (members === undefined) abstractTypes.set(abstractType, new Set([member]));
    else members.add(member);
  };
  for (const definition of parse(supergraphSdl, { noLocation: true }).definitions) {
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION) {
      if (definition.kind === Kind.INTERFACE_TYPE_DEFINITION) interfaces.add(definition.name.value);
      for (const directive of definition.directives ?? []) {
        const key = argumentOf(directive, 'key');
        if (key?.kind !== Kind.STRING) continue;
        for (const selection of selectionSetOf(key.value).selections)
          if (selection.kind === Kind.FIELD) keyFields.add(selection.name.value);
      }
      for (const field of definition.fields ?? []) {
        fieldNames.add(field.name.value);
        fieldTypes.push([field.name.value, namedTypeOf(field.type)]);
        for (const { name, value } of (field.directives ?? []).flatMap((directive) => directive.arguments ?? [])) {
          if (name.value === 'overrideLabel' && value.kind === Kind.STRING) overrideLabels.add(value.value);
        }
      }
      for (const implemented of definition.interfaces ?? []) add(implemented.name.value, definition.name.value);
    } else if (definition.kind === Kind.SCALAR_TYPE_DEFINITION) {
      customScalars.add(definition.name.value);
    } else if (definition.kind === Kind.UNION_TYPE_DEFINITION) {
      for (const member of definition.types ?? []) add(definition.name.value, member.name.value);
    }
  }
  return {
    matches: (name, condition) => name === condition || abstractTypes.get(condition)?.has(name) === true,
    isInterface: (name) => interfaces.has(name),
    customScalarFields: new Set(fieldTypes.flatMap(([field, type]) => (customScalars.has(type) ? field : []))),
    fieldNames,
    overrideLabels,
    keyFields,
  };
}

const namedTypeOf = (type: TypeNode): string =>
  type.kind === Kind.NAMED_TYPE ? type.name.value : namedTypeOf(type.type);
