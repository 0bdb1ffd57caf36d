/** The uncut schema of a model, and its cut into subgraphs. */
import { buildSchema, type GraphQLFieldResolver, type GraphQLSchema, type GraphQLTypeResolver } from 'graphql';
import type { TestSubgraph } from '../federation.ts';
import { COLOURS, ModelData, reference, VALUE_FIELDS, type EntityModel, type FieldModel, type Model, type Reference } from './model.ts';

const typeOf = (field: FieldModel): string => {
  const isList = field.shape === 'many' || field.shape === 'abstracts';
  const named = isList ? `[${field.type}${field.itemNonNull ? '!' : ''}]` : field.type;
  return field.nonNull ? `${named}!` : named;
};

const declare = (field: FieldModel, directives = ''): string => `  ${field.name}${field.hasArgument ? '(x: Int = 3)' : ''}: ${typeOf(field)}${directives}`;

const SHARED = (shareable: string): string => `
enum Colour { ${COLOURS.join(' ')} }
type V { ${VALUE_FIELDS.map(({ name, type, nonNull }) => `${name}: ${type}${nonNull ? '!' : ''}${shareable}`).join(' ')} }`;

const ROOTS = [['Query', 'roots'], ['Mutation', 'mutations'], ['Subscription', 'subscriptions']] as const;

/** Events of a subscription are numbers, which its answers depend on. */
const EVENTS = [1, 2, 3];

/** The stream of a root field's events. */
export async function* eventsOf(): AsyncGenerator<number> {
  for (const event of EVENTS) yield await Promise.resolve(event);
}

function rootResolver(model: Model, type: (typeof ROOTS)[number][0], field: FieldModel) {
  const data = new ModelData(model);
  return (source: unknown, { x }: { x?: number }): unknown => {
    if (type === 'Mutation') model.log.push(`${field.name}(${x})`);
    return data.resolve(type, type === 'Subscription' ? String(source) : '', field, x);
  };
}

const fieldsOf = (model: Model, entity: EntityModel): FieldModel[] => [
  ...entity.fields,
  ...(entity.implementsI ? [...model.common, ...model.objectFields] : []),
];

/** The whole model as one schema. */
export function uncutSchema(model: Model): { schema: GraphQLSchema; fieldResolver: GraphQLFieldResolver<unknown, unknown>; typeResolver: GraphQLTypeResolver<unknown, unknown> } {
  const sdl = [
    SHARED(''),
    `interface I {\n  id: ID!\n${[...model.common, ...model.objectFields].map((field) => declare(field)).join('\n')}\n}`,
    `union U = ${model.entities.filter(({ inU }) => inU).map(({ name }) => name).join(' | ')}`,
    ...model.entities.map(
      (entity) =>
        `type ${entity.name}${entity.implementsI ? ' implements I' : ''} {\n  id: ID!\n  sku: String!\n${fieldsOf(model, entity).map((field) => declare(field)).join('\n')}\n}`,
    ),
    ...ROOTS.map(([name, of]) => `type ${name} {\n${model[of].map((field) => declare(field)).join('\n')}\n}`),
  ].join('\n');
  const data = new ModelData(model);
  return {
    schema: buildSchema(sdl),
    typeResolver: (value) => (value as Reference).__typename,
    fieldResolver: (source, { x }: { x?: number }, _context, { parentType, fieldName }) => {
      const root = ROOTS.find(([name]) => name === parentType.name);
      if (root !== undefined) return rootResolver(model, root[0], model[root[1]].find(({ name }) => name === fieldName)!)(source, { x });
      const parent = source as Reference;
      if (parentType.name === 'V') return data.value(parent.id, fieldName);
      if (fieldName === 'id' || fieldName === 'sku') return parent[fieldName];
      const entity = model.entities.find(({ name }) => name === parentType.name)!;
      const field = fieldsOf(model, entity).find(({ name }) => name === fieldName)!;
      const required = field.requires === undefined ? undefined : data.required(entity.name, parent.id, field.requires);
      return data.resolve(entity.name, parent.id, field, x, required);
    },
  };
}

/** The subgraphs of a model. */
export function cutModel(model: Model): Record<string, TestSubgraph> {
  const subgraphs = Object.fromEntries(Array.from({ length: model.subgraphs }, (_, index) => [`s${index}`, subgraphOf(model, index)]));
  if (model.objectFields.length > 0) subgraphs.objects = interfaceObjectSubgraph(model);
  return subgraphs;
}

function subgraphOf(model: Model, index: number): TestSubgraph {
  const data = new ModelData(model);
  const owned = (fields: readonly FieldModel[]) => fields.filter(({ owners }) => owners.includes(index));
  const common = owned(model.common);
  // Every subgraph knows every entity: what it owns nothing of, it can still refer to.
  const usesAbstract = true;
  const resolvers: Record<string, Record<string, unknown>> = {};
  const sdl = [SHARED(' @shareable')];

  const provided = new Set(model.entities.flatMap(({ fields }) => owned(fields).flatMap(({ provides }) => provides ?? [])));
  for (const entity of model.entities) {
    const key = usesAbstract && entity.keys[index] === 'sku' && (entity.implementsI || index === 0) ? 'both' : entity.keys[index]!;
    const keyFields = [...(key === 'sku' ? [] : ['id']), ...(key === 'id' ? [] : ['sku'])];
    const keys = key === 'compound' ? ['id sku'] : keyFields;
    const fields = [...owned(entity.fields), ...(entity.implementsI ? common : [])];
    const required = new Set(fields.flatMap(({ requires }) => requires ?? []));
    const external = entity.fields.filter((field) => required.has(field) || provided.has(field)).filter((field) => !fields.includes(field));
    const lines = [
      ...keyFields.map((name) => `  ${name}: ${name === 'id' ? 'ID!' : 'String!'}`),
      ...external.map((field) => declare(field, ' @external')),
      ...fields.map((field) => declare(field, directivesOf(field))),
    ];
    sdl.push(`type ${entity.name}${entity.implementsI ? ' implements I' : ''} ${keys.map((name) => `@key(fields: "${name}")`).join(' ')} {\n${lines.join('\n')}\n}`);
    resolvers[entity.name] = {
      __resolveReference: (given: Partial<Reference>) => key === 'compound' && given.sku !== `sku-${given.id}` ? null : ({ ...given, ...reference(entity.name, given.id ?? given.sku!.slice('sku-'.length)) }),
      ...Object.fromEntries(fields.map((field) => [field.name, entityResolver(data, entity, field)])),
    };
  }
  const keyOfI = model.objectFields.length > 0 && index === 0 ? ' @key(fields: "id")' : '';
  sdl.push(`interface I${keyOfI} {\n  id: ID!\n${common.map((field) => declare(field)).join('\n')}\n}`);
  sdl.push(`union U = ${model.entities.filter(({ inU }) => inU).map(({ name }) => name).join(' | ')}`);
  resolvers.I = {
    __resolveType: (value: Reference) => value.__typename,
    ...(keyOfI === '' ? {} : { __resolveReference: ({ id }: { id: string }) => reference(id[0]!.toUpperCase(), id) }),
  };
  resolvers.U = { __resolveType: (value: Reference) => value.__typename };
  resolvers.V = Object.fromEntries(VALUE_FIELDS.map(({ name }) => [name, (value: Reference) => value[name] ?? data.value(value.id, name)]));
  sdl.push(`type Query {\n  unused${index}: Int @inaccessible\n}`);
  for (const [name, of] of ROOTS) {
    const fields = owned(model[of]);
    if (fields.length === 0) continue;
    sdl.push(`extend type ${name} {\n${fields.map((field) => declare(field)).join('\n')}\n}`);
    resolvers[name] = Object.fromEntries(
      fields.map((field) => {
        const resolve = rootResolver(model, name, field);
        return [field.name, name === 'Subscription' ? { subscribe: eventsOf, resolve } : resolve];
      }),
    );
  }
  return { typeDefs: sdl.join('\n'), resolvers };
}

function directivesOf(field: FieldModel): string {
  const { requires, provides, owners, provided } = field;
  return [
    requires === undefined ? '' : ` @requires(fields: "${requires.name}${requires.shape === 'value' ? ' { a }' : ''}")`,
    provides === undefined ? '' : ` @provides(fields: "${provides.name}")`,
    owners.length > 1 || provided ? ' @shareable' : '',
  ].join('');
}

function entityResolver(data: ModelData, entity: EntityModel, field: FieldModel) {
  return (parent: Reference, { x }: { x?: number }): unknown => {
    const required = field.requires === undefined ? undefined : requiredOf(parent, field.requires);
    const answer = data.resolve(entity.name, parent.id, field, x, required);
    const { provides } = field;
    if (provides === undefined || answer === null) return answer;
    const provide = (item: Reference | null) => item && { ...item, get [provides.name]() { return data.resolve(item.__typename, item.id, provides, undefined); } };
    return Array.isArray(answer) ? answer.map(provide) : provide(answer as Reference);
  };
}

/** What the gateway sent: only what was required, so that a subgraph cannot know more. */
function requiredOf(parent: Reference, field: FieldModel): unknown {
  if (!(field.name in parent)) throw new Error(`${field.name} was required and not sent`);
  const value = parent[field.name];
  return field.shape === 'value' && value !== null ? { a: (value as { a: unknown }).a } : value;
}

/** A subgraph that knows the interface only, and adds fields to all who implement it. */
function interfaceObjectSubgraph(model: Model): TestSubgraph {
  const data = new ModelData(model);
  return {
    typeDefs: `enum Colour { ${COLOURS.join(' ')} }
      type I @interfaceObject @key(fields: "id") {\n  id: ID!\n${model.objectFields.map((field) => declare(field)).join('\n')}\n}`,
    resolvers: {
      I: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        ...Object.fromEntries(
          model.objectFields.map((field) => [
            field.name,
            ({ id }: { id: string }, { x }: { x?: number }) => data.resolve(id[0]!.toUpperCase(), id, field, x),
          ]),
        ),
      },
    },
  };
}
