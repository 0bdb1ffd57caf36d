/**
 * Keyword search over the API schema, for agents that cannot read all of it: what fits, as SDL with its descriptions.
 */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  isUnionType,
  printSchema,
  printType,
  stripIgnoredCharacters,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { likeliest } from '#subgraphs/shared/hints.ts';

/** One thing that can be found: a type, or a field of one. */
interface Entry {
  readonly type: GraphQLNamedType;
  readonly field: GraphQLField<unknown, unknown> | GraphQLInputField | undefined;
  readonly words: ReadonlyMap<string, number>;
}

export interface SchemaSearch {
  /**
   * The schema's parts that fit `query` best, as SDL.
   * @param limit how many fields and types are shown at most
   */
  search(query: string, limit: number): string;
  /**
   * A type (`Document`), a field of one (`Document.similar`) or a root field (`documents`), as SDL with its descriptions, and
   * what it leads to in short. Of what is not there, what may have been meant.
   */
  describe(name: string): string;
  /** The whole schema. @param described with its descriptions */
  sdl(described: boolean): string;
}

/** A word in a name says more than one in a description. */
const WEIGHT = { name: 4, parent: 1.5, argument: 1, description: 1 } as const;
/** Entry points matter more than what is only reached through them; but `execute` runs queries alone. */
const ROOT_BOOST = { query: 1.6, others: 0.4 } as const;

export function schemaSearch(schema: GraphQLSchema): SchemaSearch {
  const entries = entriesOf(schema);
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  const frequency = new Map<string, number>();
  for (const { words } of entries) for (const word of words.keys()) frequency.set(word, (frequency.get(word) ?? 0) + 1);

  let plain: string | undefined;

  return {
    sdl(described) {
      if (described) return printSchema(schema);
      return (plain ??= minified(printSchema(schema)));
    },
    search(query, limit) {
      const asked = new Set(wordsOf(query));
      const scored = entries
        .map((entry) => ({ entry, score: score(entry, asked) * boostOf(entry.type) }))
        .filter(({ score: value }) => value > 0)
        .sort((a, b) => b.score - a.score)
        .slice(0, limit);
      if (scored.length === 0)
        return `Nothing fits ${JSON.stringify(query.slice(0, 100))}. Entry points:\n\n${rootFields(schema)}`;
      return render(
        scored.map(({ entry }) => entry),
        roots as ReadonlySet<GraphQLNamedType>,
      );
    },
    describe(name) {
      const [typeName = '', fieldName] = name.trim().replace(/^`|`$/g, '').split('.', 2);
      const named = schema.getType(typeName);
      if (named !== undefined && fieldName === undefined && roots.has(named as never)) return printType(named);
      const found = entries.filter(({ type, field }) =>
        fieldName === undefined
          ? named === undefined
            ? roots.has(type as never) && field?.name === typeName
            : type === named && field === undefined
          : type === named && field?.name === fieldName,
      );
      if (found.length > 0) return render(found, roots as ReadonlySet<GraphQLNamedType>);
      const known = entries.flatMap(({ type, field }) => {
        if (fieldName !== undefined && named !== undefined)
          return type === named && field !== undefined ? [`${type.name}.${field.name}`] : [];
        return field === undefined ? [type.name] : roots.has(type as never) ? [field.name] : [];
      });
      const meant = likeliest(name, known);
      return `There is no ${JSON.stringify(name.slice(0, 100))}.${meant.length === 0 ? '' : ` Did you mean ${meant.join(', ')}?`} Entry points:\n\n${rootFields(schema)}`;
    },
  };

  function boostOf(type: GraphQLNamedType): number {
    if (type === schema.getQueryType()) return ROOT_BOOST.query;
    return roots.has(type as never) ? ROOT_BOOST.others : 1;
  }

  /** Terms' weights by how rare they are (inverse document frequency), summed over the words asked for. */
  function score({ words }: Entry, asked: ReadonlySet<string>): number {
    let sum = 0;
    for (const word of asked) {
      const weight = words.get(word);
      if (weight !== undefined) sum += weight * Math.log(1 + entries.length / frequency.get(word)!);
    }
    return sum;
  }
}

/** A schema's text without descriptions, and without a character that says nothing. */
function minified(sdl: string): string {
  let within = false;
  const lines = sdl.split('\n').filter((line) => {
    const text = line.trim();
    if (within) {
      within = !text.endsWith('"""') || text.endsWith('\\"""');
      return false;
    }
    if (!text.startsWith('"""')) return true;
    within = text.length < 6 || !text.endsWith('"""') || text.endsWith('\\"""');
    return false;
  });
  return stripIgnoredCharacters(lines.join('\n'));
}

function entriesOf(schema: GraphQLSchema): Entry[] {
  const entries: Entry[] = [];
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    const own = new Map<string, number>();
    add(own, type.name, WEIGHT.name);
    add(own, type.description, WEIGHT.description);
    if (isEnumType(type))
      for (const { name, description } of type.getValues()) add(own, `${name} ${description ?? ''}`, WEIGHT.argument);
    entries.push({ type, field: undefined, words: own });
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
    const fields: (GraphQLField<unknown, unknown> | GraphQLInputField)[] = Object.values(type.getFields());
    for (const field of fields) {
      const words = new Map<string, number>();
      add(words, field.name, WEIGHT.name);
      add(words, type.name, WEIGHT.parent);
      add(words, field.description, WEIGHT.description);
      add(words, getNamedType(field.type).name, WEIGHT.argument);
      if ('args' in field)
        for (const { name, description } of field.args) add(words, `${name} ${description ?? ''}`, WEIGHT.argument);
      entries.push({ type, field, words });
    }
  }
  return entries;
}

function add(words: Map<string, number>, text: string | null | undefined, weight: number): void {
  for (const word of new Set(wordsOf(text ?? ''))) words.set(word, Math.max(words.get(word) ?? 0, weight));
}

const STOP = new Set([
  'a',
  'an',
  'and',
  'are',
  'by',
  'for',
  'from',
  'how',
  'in',
  'is',
  'it',
  'its',
  'of',
  'on',
  'one',
  'or',
  'that',
  'the',
  'this',
  'to',
  'what',
  'when',
  'which',
  'with',
]);

/** Words of prose and of camelCase and SNAKE_CASE names, in lower case, without a plural's `s`. */
const wordsOf = (text: string): string[] =>
  text
    .slice(0, AGENTS.wordCharacters)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => (word.length > 3 ? word.replace(/ies$/, 'y').replace(/([^s])s$/, '$1') : word))
    .filter((word) => word !== '' && !STOP.has(word));

function render(entries: readonly Entry[], roots: ReadonlySet<GraphQLNamedType>): string {
  const byType = new Map<GraphQLNamedType, Entry[]>();
  for (const entry of entries) byType.set(entry.type, [...(byType.get(entry.type) ?? []), entry]);
  const shown = new Set<string>();
  const blocks: string[] = [];
  const linked: GraphQLNamedType[] = [];
  for (const [type, found] of byType) {
    if (found.some(({ field }) => field === undefined) && !roots.has(type)) {
      blocks.push(printType(type));
      shown.add(type.name);
      continue;
    }
    const fields = found.flatMap(({ field }) => (field === undefined ? [] : [field]));
    if (fields.length === 0) continue;
    const keyword = isInputObjectType(type) ? 'input' : isInterfaceType(type) ? 'interface' : 'type';
    blocks.push(
      `${keyword} ${type.name} { # some of its fields\n${fields.map((field) => printField(field)).join('\n')}\n}`,
    );
    for (const field of fields) {
      linked.push(getNamedType(field.type));
      if ('args' in field) linked.push(...field.args.map((argument) => getNamedType(argument.type)));
    }
  }
  // What the fields found lead to, in short: enough to write a selection.
  const outlines = [...new Set(linked)]
    .filter((type) => !shown.has(type.name))
    .slice(0, AGENTS.outlines)
    .flatMap(outline);
  return [
    ...blocks,
    ...(outlines.length === 0 ? [] : [`# Types that these lead to, in short:\n${outlines.join('\n')}`]),
  ].join('\n\n');
}

function printField(field: GraphQLField<unknown, unknown> | GraphQLInputField): string {
  const description = field.description ? `  # ${field.description.replace(/\s+/g, ' ')}\n` : '';
  return `${description}  ${signature(field)}`;
}

function signature(field: GraphQLField<unknown, unknown> | GraphQLInputField): string {
  const printed = 'args' in field && field.args.length > 0 ? `(${field.args.map(printArgument).join(', ')})` : '';
  return `${field.name}${printed}: ${String(field.type)}`;
}

const printArgument = (argument: GraphQLArgument): string =>
  `${argument.name}: ${String(argument.type)}${argument.description ? ` /* ${argument.description.replace(/\s+/g, ' ')} */` : ''}`;

function outline(type: GraphQLNamedType): string[] {
  if (isEnumType(type))
    return [
      `enum ${type.name} { ${type
        .getValues()
        .map(({ name }) => name)
        .join(' ')} }`,
    ];
  if (isUnionType(type))
    return [
      `union ${type.name} = ${type
        .getTypes()
        .map(({ name }) => name)
        .join(' | ')}`,
    ];
  if (isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) {
    const fields: (GraphQLField<unknown, unknown> | GraphQLInputField)[] = Object.values(type.getFields());
    const plain = (field: GraphQLField<unknown, unknown> | GraphQLInputField): string =>
      `${field.name}${'args' in field && field.args.length > 0 ? `(${field.args.map(({ name, type: argument }) => `${name}: ${String(argument)}`).join(', ')})` : ''}: ${String(field.type)}`;
    return [`${isInputObjectType(type) ? 'input' : 'type'} ${type.name} { ${fields.map(plain).join('; ')} }`];
  }
  return [];
}

function rootFields(schema: GraphQLSchema): string {
  return [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
    .flatMap((type) => (type ? [`${type.name}: ${Object.keys(type.getFields()).join(', ')}`] : []))
    .join('\n');
}
