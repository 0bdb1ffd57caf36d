/**
 * Random guards (`@authenticated`, `@requiresScopes`, `@policy`) on a composed supergraph, and what a caller may see by
 * them: told anew here, by asking each guard, not by the gateway's clauses.
 */
import {
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  parse,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type ConstDirectiveNode,
  type DefinitionNode,
  type GraphQLSchema,
} from 'graphql';
import type { Call } from '../federation.ts';
import type { FieldModel, Model } from './model.ts';
import { Random } from './random.ts';

export interface Visitor {
  readonly anonymous: boolean;
  readonly scopes: readonly string[];
  readonly policies: readonly string[];
}

export type Guard =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'requiresScopes' | 'policy'; readonly anyOf: readonly (readonly string[])[] };

/** By coordinate: `Type` or `Type.field`. */
export type Guards = ReadonlyMap<string, Guard>;

const LINKS = `@link(url: "https://specs.apollo.dev/authenticated/v0.1", import: [{ name: "@authenticated", as: "@private" }], for: SECURITY)
  @link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY)
  @link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)`;

const DEFINITIONS = `
  directive @private on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
  directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
  directive @policy(policies: [[policy__Policy!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
  scalar requiresScopes__Scope
  scalar policy__Policy`;

/** Types of the model that can be guarded. */
const GUARDED = /^(Query|Mutation|Subscription|[A-D]|I|V|Colour)$/;

/** Guards elements at random, renaming one of the directives. */
export function guardSupergraph(sdl: string, seed: number): { sdl: string; guards: Guards; visitor: Visitor } {
  const random = new Random(seed);
  const guards = new Map<string, Guard>();
  const guard = (coordinate: string, isInterface: boolean, probability: number): ConstDirectiveNode[] => {
    if (!random.chance(probability)) return [];
    // Composition repeats on interfaces what their types demand; a scope of its own is more than that.
    const made = isInterface ? { kind: 'requiresScopes' as const, anyOf: [['of an interface']] } : randomGuard(random);
    guards.set(coordinate, made);
    return [directiveOf(made)];
  };
  const definitions = parse(sdl, { noLocation: true }).definitions.map((definition): DefinitionNode => {
    if (definition.kind === Kind.SCHEMA_DEFINITION) {
      const [links] = parse(`schema ${LINKS} { query: Query }`, { noLocation: true }).definitions;
      return { ...definition, directives: [...definition.directives!, ...(links as typeof definition).directives!] };
    }
    if (!('name' in definition) || definition.name === undefined || !GUARDED.test(definition.name.value))
      return definition;
    const name = definition.name.value;
    const isRoot = /^(Query|Mutation|Subscription)$/.test(name);
    const isInterface = definition.kind === Kind.INTERFACE_TYPE_DEFINITION;
    const directives = [...(definition.directives ?? []), ...guard(name, isInterface, isRoot ? 0.01 : 0.06)];
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && !isInterface)
      return { ...definition, directives } as DefinitionNode;
    const fields = definition.fields?.map((field) => ({
      ...field,
      directives: [
        ...(field.directives ?? []),
        ...guard(`${name}.${field.name.value}`, isInterface, isRoot || isInterface ? 0.06 : 0.2),
      ],
    }));
    return { ...definition, directives, fields } as DefinitionNode;
  });
  const visitor: Visitor = {
    anonymous: random.chance(0.5),
    scopes: random.some(['s1', 's2', 's3', 'of an interface']),
    policies: random.some(['p1', 'p2']),
  };
  return { sdl: `${print({ kind: Kind.DOCUMENT, definitions })}\n${DEFINITIONS}`, guards, visitor };
}

function randomGuard(random: Random): Guard {
  const kind = random.pick(['authenticated', 'requiresScopes', 'policy'] as const);
  if (kind === 'authenticated') return { kind };
  const names = kind === 'policy' ? ['p1', 'p2'] : ['s1', 's2', 's3'];
  return { kind, anyOf: Array.from({ length: 1 + random.below(2) }, () => random.some(names, 1)) };
}

function directiveOf(guard: Guard): ConstDirectiveNode {
  const text =
    guard.kind === 'authenticated'
      ? '@private'
      : `@${guard.kind}(${guard.kind === 'policy' ? 'policies' : 'scopes'}: ${JSON.stringify(guard.anyOf)})`;
  const [definition] = parse(`scalar X ${text}`, { noLocation: true }).definitions;
  return (definition as { directives: readonly ConstDirectiveNode[] }).directives[0]!;
}

/** Whether the visitor may see objects of a type, or a field of them. */
export class Sight {
  readonly #guards: Guards;
  readonly #visitor: Visitor;
  readonly #schema: GraphQLSchema;
  readonly #model: Model;

  constructor(guards: Guards, visitor: Visitor, schema: GraphQLSchema, model: Model) {
    this.#guards = guards;
    this.#visitor = visitor;
    this.#schema = schema;
    this.#model = model;
  }

  ofType(name: string): boolean {
    const type = this.#schema.getType(name);
    const interfaces = isObjectType(type) ? type.getInterfaces() : [];
    return [name, ...interfaces.map((each) => each.name)].every((each) => this.#passes(each));
  }

  ofField(typeName: string, name: string): boolean {
    const type = this.#schema.getType(typeName);
    if (name.startsWith('__') || (!isObjectType(type) && !isInterfaceType(type))) return true;
    const field = type.getFields()[name];
    if (field === undefined) return true;
    const through = [typeName, ...type.getInterfaces().map((each) => each.name)];
    if (!this.ofType(typeName) || !this.ofType(getNamedType(field.type).name)) return false;
    if (!through.every((each) => this.#passes(`${each}.${name}`))) return false;
    const required = this.#required(typeName, name);
    if (required === undefined) return true;
    return this.ofField(typeName, required.name) && (required.shape !== 'value' || this.ofField('V', 'a'));
  }

  #required(typeName: string, name: string): FieldModel | undefined {
    const entity = this.#model.entities.find((each) => each.name === typeName);
    const fields = [...(entity?.fields ?? []), ...this.#model.objectFields];
    return fields.find((field) => field.name === name)?.requires;
  }

  #passes(coordinate: string): boolean {
    const guard = this.#guards.get(coordinate);
    if (guard === undefined) return true;
    if (guard.kind === 'authenticated') return !this.#visitor.anonymous;
    const had = guard.kind === 'policy' ? this.#visitor.policies : this.#visitor.scopes;
    return guard.anyOf.some((all) => all.every((each) => had.includes(each)));
  }
}

/** What subgraphs tell entities apart by, and must be asked for to go from one to another. */
const KEYS = new Set(['id', 'sku', 'ref']);

/** Coordinates that subgraphs were asked for though nobody may see them, keys apart. */
export function fetchedUnseen(
  calls: readonly Call[],
  schemas: ReadonlyMap<string, GraphQLSchema>,
  sight: Sight,
  implementers: readonly string[],
): string[] {
  const unseen: string[] = [];
  for (const { service, query, variables } of calls) {
    // A model's ids begin with their types: of an interface object, those are meant that it is asked for.
    const asked = (variables.representations as { __typename: string; id: string }[] | undefined)
      ?.filter(({ __typename }) => __typename === 'I')
      .map(({ id }) => id[0]!.toUpperCase());
    const isObject = isObjectType(schemas.get(service)!.getType('I'));
    const types = new TypeInfo(schemas.get(service)!);
    visit(
      parse(query),
      visitWithTypeInfo(types, {
        Field: ({ name }) => {
          const parent = types.getParentType()?.name;
          if (parent === undefined || KEYS.has(name.value) || name.value.startsWith('_')) return;
          const seen =
            parent === 'I' && isObject
              ? (asked ?? implementers).every((each) => sight.ofField(each, name.value))
              : (parent === 'I' ? implementers : [parent]).some((each) => sight.ofField(each, name.value));
          if (!seen) unseen.push(`${service} ${parent}.${name.value}`);
        },
      }),
    );
  }
  return unseen;
}
