/** The uncut schema of a model, and its cut into subgraphs. */
import {
  buildSchema,
  isScalarType,
  Kind,
  valueFromASTUntyped,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  type GraphQLTypeResolver,
} from 'graphql';
import { numberOf } from '#subgraphs/shared/exact-number.ts';
import type { TestSubgraph } from '../federation.ts';
import {
  COLOURS,
  idOfNumber,
  ModelData,
  numberOfId,
  reference,
  VALUE_FIELDS,
  type EntityModel,
  type FieldModel,
  type Model,
  type Reference,
} from './model.ts';

const typeOf = (field: FieldModel): string => {
  const isList = field.shape === 'many' || field.shape === 'abstracts';
  const named = isList ? `[${field.type}${field.itemNonNull ? '!' : ''}]` : field.type;
  return field.nonNull ? `${named}!` : named;
};

const declare = (field: FieldModel, directives = ''): string =>
  `  ${field.name}${argumentOf(field)}: ${typeOf(field)}${directives}`;

const argumentOf = ({ hasArgument, argumentType = 'Int' }: FieldModel): string =>
  !hasArgument ? '' : argumentType === 'By' ? '(x: By)' : `(x: ${argumentType} = 3)`;

/** Of models that have them: a scalar that keeps the text of numbers, and an input of which one field is given. */
const EXTENDED = `
scalar Decimal
input By @oneOf { id: ID n: Int price: Decimal place: Place }
input Place { x: Int = 7 y: Decimal }`;

const SHARED = (
  { extended = false }: Model,
  shareable: string,
  colours: readonly string[] = COLOURS,
): string => `${extended ? EXTENDED : ''}
enum Colour { ${colours.join(' ')} }
type V { ${VALUE_FIELDS.map(({ name, type, nonNull }) => `${name}: ${type}${nonNull ? '!' : ''}${shareable}`).join(' ')} }`;

const ROOTS = [
  ['Query', 'roots'],
  ['Mutation', 'mutations'],
  ['Subscription', 'subscriptions'],
] as const;

/** Events of a subscription are numbers, which its answers depend on. */
const EVENTS = [1, 2, 3];

/** The stream of a root field's events. */
export async function* eventsOf(): AsyncGenerator<number> {
  for (const event of EVENTS) yield await Promise.resolve(event);
}

function rootResolver(model: Model, type: (typeof ROOTS)[number][0], field: FieldModel) {
  const data = new ModelData(model);
  return (source: unknown, { x }: { x?: unknown }): unknown => {
    if (type === 'Mutation') model.log.push(`${field.name}(${JSON.stringify(x)})`);
    return data.resolve(type, type === 'Subscription' ? String(source) : '', field, x);
  };
}

const fieldsOf = (model: Model, entity: EntityModel): FieldModel[] => [
  ...entity.fields,
  ...(entity.implementsI ? [...model.common, ...model.objectFields] : []),
];

/** The whole model as one schema. */
export function uncutSchema(model: Model): {
  schema: GraphQLSchema;
  fieldResolver: GraphQLFieldResolver<unknown, unknown>;
  typeResolver: GraphQLTypeResolver<unknown, unknown>;
} {
  const sdl = [
    SHARED(model, ''),
    `interface I {\n  id: ID!\n${[...model.common, ...model.objectFields].map((field) => declare(field)).join('\n')}\n}`,
    `union U = ${model.entities
      .filter(({ inU }) => inU)
      .map(({ name }) => name)
      .join(' | ')}`,
    ...model.entities.map(
      (entity) =>
        `type ${entity.name}${entity.implementsI ? ' implements I' : ''} {\n  id: ID!\n  sku: String!\n${fieldsOf(
          model,
          entity,
        )
          .map((field) => declare(field))
          .join('\n')}\n}`,
    ),
    ...ROOTS.map(([name, of]) => `type ${name} {\n${model[of].map((field) => declare(field)).join('\n')}\n}`),
  ].join('\n');
  const data = new ModelData(model);
  return {
    schema: keepingNumbers(buildSchema(sdl)),
    typeResolver: (value) => (value as Reference).__typename,
    fieldResolver: (source, { x }: { x?: unknown }, _context, { parentType, fieldName }) => {
      const root = ROOTS.find(([name]) => name === parentType.name);
      if (root !== undefined)
        return rootResolver(
          model,
          root[0],
          model[root[1]].find(({ name }) => name === fieldName)!,
        )(source, { x });
      const parent = source as Reference;
      if (parentType.name === 'V') return data.value(parent.id, fieldName);
      if (fieldName === 'id' || fieldName === 'sku') return parent[fieldName];
      const entity = model.entities.find(({ name }) => name === parentType.name)!;
      const field = fieldsOf(model, entity).find(({ name }) => name === fieldName)!;
      const required =
        field.requires === undefined
          ? undefined
          : data.required(entity.name, parent.id, field.requires, field.requiresArgument);
      return data.resolve(entity.name, parent.id, field, x, required);
    },
  };
}

/** graphql-js makes doubles of the numbers that an operation gives a custom scalar. */
function keepingNumbers(schema: GraphQLSchema): GraphQLSchema {
  const decimal = schema.getType('Decimal');
  if (isScalarType(decimal))
    decimal.parseLiteral = (node, variables) =>
      node.kind === Kind.INT || node.kind === Kind.FLOAT ? numberOf(node.value) : valueFromASTUntyped(node, variables);
  return schema;
}

/** The subgraphs of a model. */
export function cutModel(model: Model): Record<string, TestSubgraph> {
  const subgraphs = Object.fromEntries(
    Array.from({ length: model.subgraphs }, (_, index) => [`s${index}`, subgraphOf(model, index)]),
  );
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
  const narrow = model.narrow?.[index];
  const sdl = [SHARED(model, ' @shareable', narrow?.colours)];

  const provided = new Set(
    model.entities.flatMap(({ fields }) => owned(fields).flatMap(({ provides }) => provides ?? [])),
  );
  for (const entity of model.entities) {
    const implementsI = entity.implementsI && (common.length > 0 || narrow?.outsideI.includes(entity.name) !== true);
    const key =
      usesAbstract && entity.keys[index] === 'sku' && (entity.implementsI || index === 0)
        ? 'both'
        : entity.keys[index]!;
    // Keys that clients do not see; `id` is no key then, but told with them.
    const isHidden = key === 'nested' || key === 'number';
    const keyFields = [...(key === 'sku' ? [] : ['id']), ...(key === 'id' || isHidden ? [] : ['sku'])];
    const knowsNested = key === 'nested' || (index === 0 && entity.keys.includes('nested'));
    const knowsNumber = key === 'number' || (index === 0 && entity.keys.includes('number'));
    const keys = [
      ...(key === 'compound' ? ['id sku'] : isHidden ? [] : keyFields),
      ...(knowsNested ? ['ref { id }'] : []),
      ...(knowsNumber ? ['number'] : []),
    ];
    const fields = [...owned(entity.fields), ...(entity.implementsI ? common : [])];
    // What was overridden stays behind; nobody may ask for it any more, but where the override has a label.
    const left = entity.fields.filter(({ override }) => override?.from === index);
    const required = new Set(fields.flatMap(({ requires }) => requires ?? []));
    const external = entity.fields
      .filter((field) => required.has(field) || provided.has(field))
      .filter((field) => !fields.includes(field));
    const lines = [
      ...keyFields.map((name) => `  ${name}: ${name === 'id' ? 'ID!' : 'String!'}${isHidden ? ' @shareable' : ''}`),
      ...external.map((field) => declare(field, ' @external')),
      ...fields.map((field) => declare(field, directivesOf(field))),
      ...left.map((field) => declare(field)),
      ...(knowsNested ? ['  ref: Ref! @inaccessible'] : []),
      ...(knowsNumber ? ['  number: Decimal! @inaccessible'] : []),
    ];
    sdl.push(
      `type ${entity.name}${implementsI ? ' implements I' : ''} ${keys.map((name) => `@key(fields: "${name}")`).join(' ')} {\n${lines.join('\n')}\n}`,
    );
    resolvers[entity.name] = {
      __resolveReference: (given: Partial<Reference>) => {
        if (key === 'compound' && given.sku !== `sku-${given.id}`) return null;
        const id =
          given.id ??
          (given.ref as { id: string } | undefined)?.id ??
          given.sku?.slice('sku-'.length) ??
          idOfNumber(entity.name, given.number);
        return { ...given, ...reference(entity.name, id) };
      },
      ...(knowsNested ? { ref: ({ id }: Reference) => ({ id }) } : {}),
      ...(knowsNumber ? { number: ({ id }: Reference) => numberOfId(id) } : {}),
      ...Object.fromEntries(fields.map((field) => [field.name, entityResolver(data, entity, field)])),
      ...Object.fromEntries(
        left.map((field) => [
          field.name,
          field.override!.label === undefined ? overridden : entityResolver(data, entity, field),
        ]),
      ),
    };
  }
  const keyOfI = model.objectFields.length > 0 && index === 0 ? ' @key(fields: "id")' : '';
  sdl.push(`interface I${keyOfI} {\n  id: ID!\n${common.map((field) => declare(field)).join('\n')}\n}`);
  sdl.push(
    `union U = ${(narrow?.union ?? model.entities.filter(({ inU }) => inU).map(({ name }) => name)).join(' | ')}`,
  );
  sdl.push('type Ref @shareable @inaccessible { id: ID! }');
  resolvers.I = {
    __resolveType: (value: Reference) => value.__typename,
    ...(keyOfI === '' ? {} : { __resolveReference: ({ id }: { id: string }) => reference(id[0]!.toUpperCase(), id) }),
  };
  resolvers.U = { __resolveType: (value: Reference) => value.__typename };
  resolvers.V = Object.fromEntries(
    VALUE_FIELDS.map(({ name }) => [name, (value: Reference) => value[name] ?? data.value(value.id, name)]),
  );
  sdl.push(`type Query {\n  unused${index}: Int @inaccessible\n}`);
  for (const [name, of] of ROOTS) {
    const fields = [...owned(model[of]), ...model[of].filter(({ override }) => override?.from === index)];
    if (fields.length === 0) continue;
    sdl.push(
      `extend type ${name} {\n${fields.map((field) => declare(field, field.owners.includes(index) ? directivesOf(field) : '')).join('\n')}\n}`,
    );
    resolvers[name] = Object.fromEntries(
      fields.map((field) => {
        const resolve =
          !field.owners.includes(index) && field.override?.label === undefined
            ? overridden
            : rootResolver(model, name, field);
        return [field.name, name === 'Subscription' ? { subscribe: eventsOf, resolve } : resolve];
      }),
    );
  }
  return { typeDefs: sdl.join('\n'), resolvers };
}

function overridden(): never {
  throw new Error("This field is another subgraph's now.");
}

function directivesOf(field: FieldModel): string {
  const { requires, requiresArgument, provides, owners, provided, override } = field;
  const given = requires?.hasArgument === true && requiresArgument !== undefined ? `(x: ${requiresArgument})` : '';
  return [
    requires === undefined
      ? ''
      : ` @requires(fields: "${requires.name}${given}${requires.shape === 'value' ? ' { a }' : ''}")`,
    override === undefined
      ? ''
      : ` @override(from: "s${override.from}"${override.label === undefined ? '' : `, label: "${override.label}"`})`,
    provides === undefined ? '' : ` @provides(fields: "${provides.name}")`,
    owners.length > 1 || provided ? ' @shareable' : '',
  ].join('');
}

function entityResolver(data: ModelData, entity: EntityModel, field: FieldModel) {
  return (parent: Reference, { x }: { x?: unknown }): unknown => {
    const required = field.requires === undefined ? undefined : requiredOf(parent, field.requires);
    const answer = data.resolve(entity.name, parent.id, field, x, required);
    const { provides } = field;
    if (provides === undefined || answer === null) return answer;
    const provide = (item: Reference | null) =>
      item && {
        ...item,
        get [provides.name]() {
          return data.resolve(item.__typename, item.id, provides, undefined);
        },
      };
    return Array.isArray(answer) ? answer.map(provide) : provide(answer as Reference);
  };
}

/** What the gateway sent: only what was required, so that a subgraph cannot know more. */
function requiredOf(parent: Reference, field: FieldModel): unknown {
  if (!Object.hasOwn(parent, field.name)) throw new Error(`${field.name} was required and not sent`);
  const value = parent[field.name];
  return field.shape === 'value' && value !== null ? { a: (value as { a: unknown }).a } : value;
}

/** A subgraph that knows the interface only, and adds fields to all who implement it. */
function interfaceObjectSubgraph(model: Model): TestSubgraph {
  const data = new ModelData(model);
  const required = [...new Set(model.objectFields.flatMap(({ requires }) => requires ?? []))];
  const lines = [
    ...required.map((field) => declare(field, ' @external')),
    ...model.objectFields.map((field) => declare(field, directivesOf(field))),
  ];
  return {
    typeDefs: `${model.extended === true ? EXTENDED : ''} enum Colour { ${COLOURS.join(' ')} }
      type I @interfaceObject @key(fields: "id") {\n  id: ID!\n${lines.join('\n')}\n}`,
    resolvers: {
      I: {
        __resolveReference: (given: { id: string }) => given,
        ...Object.fromEntries(
          model.objectFields.map((field) => [
            field.name,
            (parent: Reference, { x }: { x?: unknown }) =>
              data.resolve(
                parent.id[0]!.toUpperCase(),
                parent.id,
                field,
                x,
                field.requires === undefined ? undefined : requiredOf(parent, field.requires),
              ),
          ]),
        ),
      },
    },
  };
}
