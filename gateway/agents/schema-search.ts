/**
 * Keyword search over the API schema, for agents that cannot read all of it: what fits, as SDL with its descriptions.
 */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isLeafType,
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
import { stemmer } from 'stemmer';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import { likeliest } from '#subgraphs/shared/hints.ts';
import { waysThrough, type Ways } from './ways-through.ts';

/** One thing that can be found: a type, or a field of one. */
interface Entry {
  readonly type: GraphQLNamedType;
  readonly field: GraphQLField<unknown, unknown> | GraphQLInputField | undefined;
  readonly words: ReadonlyMap<string, number>;
  /** What it is, in a sentence, for an embedding; undefined for what operations do not begin with or select. */
  readonly meaning: string | undefined;
  /** What its kind counts. */
  readonly weight: number;
}

/** Gives texts their vectors, which are of length 1. */
export type EmbedTexts = (texts: readonly string[]) => Promise<readonly Float32Array[]>;

export interface SchemaSearch {
  /**
   * The schema's parts that fit `query` best, as SDL.
   * @param limit how many fields and types are shown at most
   */
  search(query: string, limit: number): Promise<string>;
  /** The names of those parts, the best first: `Query.documents`, `Document`. */
  ranked(query: string, limit: number): Promise<string[]>;
  /**
   * A type (`Document`), a field of one (`Document.similar`) or a root field (`documents`), as SDL with its descriptions, and
   * what it leads to in short. Of what is not there, what may have been meant.
   */
  describe(name: string): string;
  /** The whole schema. @param described with its descriptions */
  sdl(described: boolean): string;
}

/** A word in a name says more than one in a description. */
const WORD = { name: 4, parent: 1.5, argument: 1, description: 1, leadsTo: 0.7 } as const;
/** What operations begin with matters more than what is reached through it, and that more than what arguments are made of. */
const KIND = { query: 1.25, change: 1.1, field: 1, leaf: 0.85, type: 0.7, input: 0.35, page: 0.3 } as const;
/** What a change counts more, or less, where the query says that it wants one, or does not. */
const WANTED = { change: 1.4, other: 0.8 } as const;
/** What a word counts that stands for the one asked for. */
const SYNONYM = 0.8;
/** What meaning counts beside words. */
const MEANING = 0.55;

/** @param embed without it parts are found by their words alone */
export function schemaSearch(schema: GraphQLSchema, embed?: EmbedTexts): SchemaSearch {
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  const isChange = (type: GraphQLNamedType): boolean => type === schema.getMutationType();
  const isRoot = (type: GraphQLNamedType): boolean => roots.has(type as never);
  const entries = entriesOf(schema);
  const frequency = new Map<string, number>();
  for (const { words } of entries) for (const word of words.keys()) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  let plain: string | undefined;
  let known: Ways | undefined;
  const ways = (): Ways => (known ??= waysThrough(schema));
  let vectors: Promise<ReadonlyMap<Entry, Float32Array>> | undefined;

  return {
    sdl(described) {
      if (described) return printSchema(schema);
      return (plain ??= minified(printSchema(schema)));
    },
    async search(query, limit) {
      const found = await best(query, limit);
      if (found.length === 0)
        return `Nothing fits ${JSON.stringify(query.slice(0, 100))}. Entry points:\n\n${rootFields(schema)}`;
      const example = found.flatMap(({ type, field }) =>
        field === undefined ? [] : (ways().example(type, field) ?? []),
      )[0];
      const shown = example === undefined ? '' : `\n\n# For example:\n${example}`;
      const characters = AGENTS.searchCharacters - shown.length;
      return `${render(found, roots as ReadonlySet<GraphQLNamedType>, ways(), characters)}${shown}`;
    },
    ranked: async (query, limit) => (await best(query, limit)).map(nameOf),
    describe(name) {
      const [typeName = '', fieldName] = name.trim().replace(/^`|`$/g, '').split('.', 2);
      const named = schema.getType(typeName);
      if (named !== undefined && fieldName === undefined && isRoot(named)) return printType(named);
      const found = entries.filter(({ type, field }) =>
        fieldName === undefined
          ? named === undefined
            ? isRoot(type) && field?.name === typeName
            : type === named && field === undefined
          : type === named && field?.name === fieldName,
      );
      if (found.length > 0) return render(found, roots as ReadonlySet<GraphQLNamedType>, ways());
      const known = entries.flatMap(({ type, field }) => {
        if (fieldName !== undefined && named !== undefined)
          return type === named && field !== undefined ? [`${type.name}.${field.name}`] : [];
        return field === undefined ? [type.name] : isRoot(type) ? [field.name] : [];
      });
      const meant = likeliest(name, known);
      return `There is no ${JSON.stringify(name.slice(0, 100))}.${meant.length === 0 ? '' : ` Did you mean ${meant.join(', ')}?`} Entry points:\n\n${rootFields(schema)}`;
    },
  };

  /** By their words and, where one is near enough, their meaning. */
  async function best(query: string, limit: number): Promise<Entry[]> {
    const asked = meant(wordsOf(query));
    const wantsChange = inWords(query)
      .toLowerCase()
      .split(/[^a-z]+/)
      .some((word) => CHANGES.has(word));
    const factor = ({ type }: Entry): number =>
      isChange(type) ? (wantsChange ? WANTED.change : 1) : wantsChange && isRoot(type) ? WANTED.other : 1;
    const byWords = entries.map((entry) => score(entry, asked));
    const most = Math.max(...byWords, Number.MIN_VALUE);
    const near = await nearness(query);
    return entries
      .map((entry, index) => {
        const cosine = near?.(entry) ?? 0;
        const value = (1 - MEANING) * (byWords[index]! / most) + MEANING * cosine;
        return {
          entry,
          value: byWords[index] === 0 && cosine < AGENTS.leastNearness ? 0 : value * entry.weight * factor(entry),
        };
      })
      .filter(({ value }) => value > 0)
      .sort((a, b) => b.value - a.value)
      .slice(0, limit)
      .map(({ entry }) => entry);
  }

  /** How near the meaning of an entry is to that of the query; undefined where nothing embeds. */
  async function nearness(query: string): Promise<((entry: Entry) => number) | undefined> {
    if (embed === undefined) return undefined;
    vectors ??= vectorsOf(embed).catch((error: unknown) => {
      vectors = undefined; // Whoever asks next tries again.
      throw error;
    });
    const [known, [asked]] = await Promise.all([vectors, embed([query])]);
    return (entry) => {
      const vector = known.get(entry);
      if (vector === undefined || asked === undefined) return 0;
      let sum = 0;
      for (let at = 0; at < asked.length; at++) sum += asked[at]! * vector[at]!;
      return Math.max(0, sum);
    };
  }

  async function vectorsOf(make: EmbedTexts): Promise<ReadonlyMap<Entry, Float32Array>> {
    const embedded = entries.filter(({ meaning }) => meaning !== undefined).slice(0, AGENTS.embedded);
    const made = await make(embedded.map(({ meaning }) => meaning!));
    return new Map(embedded.map((entry, index) => [entry, made[index]!]));
  }

  /** Terms' weights by how rare they are (inverse document frequency), summed; more where it has more of what was asked for. */
  function score({ words }: Entry, asked: readonly (readonly string[])[]): number {
    let [sum, found] = [0, 0];
    for (const same of asked) {
      const weights = same.flatMap((word, index) => {
        const weight = words.get(word);
        // What stands for the word counts in names alone.
        if (weight === undefined || (index > 0 && weight < WORD.name)) return [];
        const share = index === 0 ? 1 : SYNONYM;
        return [share * weight * Math.log(1 + entries.length / frequency.get(word)!)];
      });
      if (weights.length === 0) continue;
      sum += Math.max(...weights);
      found++;
    }
    return (sum * found) / Math.max(asked.length, 1);
  }
}

const nameOf = ({ type, field }: Entry): string => (field === undefined ? type.name : `${type.name}.${field.name}`);

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
  const [queries, ...changes] = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    const isPage = PAGE.test(type.name);
    const own = new Map<string, number>();
    add(own, type.name, WORD.name);
    add(own, type.description, WORD.description);
    if (isEnumType(type))
      for (const { name, description } of type.getValues()) add(own, `${name} ${description ?? ''}`, WORD.argument);
    const selected = isObjectType(type) || isInterfaceType(type);
    entries.push({
      type,
      field: undefined,
      words: own,
      meaning: selected && !isPage ? sentence(type.name, type.description) : undefined,
      weight: isPage ? KIND.page : selected ? KIND.type : KIND.input,
    });
    if (!selected && !isInputObjectType(type)) continue;
    const fields: (GraphQLField<unknown, unknown> | GraphQLInputField)[] = Object.values(type.getFields());
    const isEntry = type === queries || changes.includes(type as never);
    for (const field of fields) {
      const words = new Map<string, number>();
      const returned = getNamedType(field.type);
      add(words, field.name, WORD.name);
      if (!isEntry) add(words, type.name, WORD.parent);
      add(words, field.description, WORD.description);
      add(words, returned.name, WORD.argument);
      if ('args' in field)
        for (const { name, description } of field.args) add(words, `${name} ${description ?? ''}`, WORD.argument);
      if (isEntry) add(words, reached(returned), WORD.leadsTo);
      entries.push({
        type,
        field,
        words,
        meaning:
          selected && !isPage
            ? sentence(isEntry ? field.name : `${type.name} ${field.name}`, field.description)
            : undefined,
        weight: isPage
          ? KIND.page
          : type === queries
            ? KIND.query
            : isEntry
              ? KIND.change
              : !selected
                ? KIND.input
                : isLeafType(returned)
                  ? KIND.leaf
                  : KIND.field,
      });
    }
  }
  return entries;
}

/** Types that pages and groups are made of: what is in them says more. */
const PAGE = /(Connection|Edge|Payload|Aggregate|Group(Distinct|Keys|Numbers|Percentiles|Values)?)$/;

const sentence = (name: string, description: string | null | undefined): string =>
  `${inWords(name)}: ${(description ?? '').slice(0, AGENTS.wordCharacters)}`;

/** What an answer of this type is of: the names of the fields of it, or of its nodes. */
function reached(type: GraphQLNamedType): string {
  if (!isObjectType(type) && !isInterfaceType(type)) return '';
  const { nodes } = type.getFields();
  const of = nodes === undefined ? type : getNamedType(nodes.type);
  if (!isObjectType(of) && !isInterfaceType(of)) return '';
  return `${of.description ?? ''} ${Object.values(of.getFields())
    .map(({ name, description }) => `${name} ${description ?? ''}`)
    .join(' ')}`;
}

function add(words: Map<string, number>, text: string | null | undefined, weight: number): void {
  for (const word of new Set(wordsOf(text ?? ''))) words.set(word, Math.max(words.get(word) ?? 0, weight));
}

/** Words that stand for one another where somebody asks what an API can do. */
const SAME = [
  'create make new add register',
  'upsert add write save insert import store change',
  'update change edit modify set',
  'delete remove erase drop',
  'put upload store save write',
  'remember store save memorize memory',
  'forget remove delete memory',
  'revoke stop end withdraw disable',
  'cancel stop abort kill end',
  'start launch run execute begin trigger',
  'finish complete end done',
  'claim take next dequeue',
  'append add log',
  'record report track',
  'aggregate count number total sum average many group statistics',
  'facets kinds available types exist',
  'usage spent cost spend consumption',
  'generate ask chat completion answer prompt llm',
  'search find passages semantic text',
  'entity package node thing',
  'relation edge connect dependency connection',
  'neighbors connected linked walk related',
  'object file blob',
  'download fetch link',
  'model llm',
  'subscribe follow watch live stream',
  'tenant me account',
  'audit history changed log refused',
  'document note page file',
].map((line) => line.split(' ').map(stemmer));

/** Each word with those that stand for it. */
const meant = (words: readonly string[]): readonly (readonly string[])[] =>
  [...new Set(words)].map((word) => [word, ...new Set(SAME.filter((same) => same.includes(word)).flat())]);

/** What people say who want something changed. */
const CHANGES: ReadonlySet<string> = new Set(
  'create make new add register write save insert import store change update edit modify set delete remove erase upload remember forget revoke stop cancel abort kill start launch finish mark append record report share rotate connect'.split(
    ' ',
  ),
);

const STOP = new Set([
  'a',
  'all',
  'an',
  'any',
  'can',
  'do',
  'does',
  'get',
  'i',
  'list',
  'me',
  'my',
  'show',
  'there',
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

const inWords = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1 $2');

/** Stems of the words of prose and of camelCase and SNAKE_CASE names. */
const wordsOf = (text: string): string[] =>
  inWords(text.slice(0, AGENTS.wordCharacters))
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !STOP.has(word))
    .map(stemmer);

type Fields = (GraphQLField<unknown, unknown> | GraphQLInputField)[];

/** The entries as SDL, type by type; the types that their fields lead to, and those that are shown whole. */
function blocksOf(
  entries: readonly Entry[],
  roots: ReadonlySet<GraphQLNamedType>,
  ways: Ways,
): { text: string; linked: GraphQLNamedType[]; whole: ReadonlySet<GraphQLNamedType> } {
  const whole = new Set<GraphQLNamedType>();
  const blocks: string[] = [];
  const linked: GraphQLNamedType[] = [];
  for (const [type, found] of grouped(entries, (entry) => entry.type)) {
    if (found.some(({ field }) => field === undefined) && !roots.has(type)) {
      blocks.push(`${printType(type)}${by(ways.to(type))}`);
      whole.add(type);
      continue;
    }
    const fields: Fields = found.flatMap(({ field }) => (field === undefined ? [] : [field]));
    if (fields.length === 0) continue;
    const keyword = isInputObjectType(type) ? 'input' : isInterfaceType(type) ? 'interface' : 'type';
    blocks.push(
      `${keyword} ${type.name} { # some of its fields${roots.has(type) ? '' : by(ways.to(type))}\n${fields.map((field) => printField(field)).join('\n')}\n}`,
    );
    for (const field of fields) {
      linked.push(getNamedType(field.type));
      if ('args' in field) linked.push(...field.args.map((argument) => getNamedType(argument.type)));
    }
  }
  return { text: blocks.join('\n\n'), linked, whole };
}

/**
 * The entries, the best first, and what they lead to in short: enough to write a selection.
 * @param characters as many as it may have, about; what there is no room for is named. @default all is shown
 */
function render(
  entries: readonly Entry[],
  roots: ReadonlySet<GraphQLNamedType>,
  ways: Ways,
  characters = Infinity,
): string {
  const [shown, named]: [Entry[], string[]] = [[], []];
  // The best is shown however long it is, the others in two thirds of the room: what they lead to wants the rest.
  for (const entry of entries) {
    const isRoom = blocksOf([...shown, entry], roots, ways).text.length <= (characters * 2) / 3;
    if (isRoom || shown.length === 0) shown.push(entry);
    else named.push(nameOf(entry));
  }
  const { text, linked, whole } = blocksOf(shown, roots, ways);
  let left = characters - text.length;
  const outlines: string[] = [];
  for (const type of [...new Set(linked)].filter((each) => !whole.has(each)).slice(0, AGENTS.outlines)) {
    const [short] = outline(type);
    if (short === undefined) continue;
    if (short.length > left) {
      named.push(type.name);
      continue;
    }
    outlines.push(short);
    left -= short.length;
  }
  return [
    text,
    ...(outlines.length === 0 ? [] : [`# Types that these lead to, in short:\n${outlines.join('\n')}`]),
    ...(named.length === 0 ? [] : [`# More by \`describe\`: ${[...new Set(named)].join(', ')}`]),
  ].join('\n\n');
}

/** Said behind a type that operations reach by other fields. */
const by = (way: string | undefined): string => (way === undefined ? '' : ` # by ${way}`);

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
