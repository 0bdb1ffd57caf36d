/**
 * Keyword search over the API schema, for agents that cannot read all of it: what fits, as SDL with its descriptions.
 */
import {
  isInputObjectType,
  isInterfaceType,
  printSchema,
  printType,
  stripIgnoredCharacters,
  type GraphQLArgument,
  type GraphQLNamedType,
  type GraphQLSchema,
} from 'graphql';
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { SchemaFinder } from '#gateway/respond/semantic-introspection.ts';
import { grouped } from '#subgraphs/shared/grouped.ts';
import { likeliest } from '#subgraphs/shared/hints.ts';
import { entriesOf, nameOf, type Entry, type Field } from './schema-entries.ts';
import { ledTo, OF_LISTS, outline, within } from './schema-outlines.ts';
import { schemaFinder } from './schema-finder.ts';
import { ranking, type EmbedTexts } from './schema-ranking.ts';
import { askedFor, stemsOf } from './schema-words.ts';
import { waysThrough, type Ways } from './ways-through.ts';

export interface SchemaSearch {
  /**
   * The schema's parts that fit `query` best, as SDL.
   * @param limit how many fields and types are shown at most
   */
  search(query: string, limit: number): Promise<string>;
  /** The names of those parts, the best first: `Query.documents`, `Document`. */
  ranked(query: string, limit: number): Promise<string[]>;
  /** The same with what each is, how it is reached and how well it fits: for `__search`. */
  readonly finder: SchemaFinder;
  /**
   * A type (`Document`), a field of one (`Document.similar`) or a root field (`documents`), as SDL with its descriptions, and
   * what it leads to in short. Of what is not there, what may have been meant.
   */
  describe(name: string): string;
  /** The whole schema. @param described with its descriptions */
  sdl(described: boolean): string;
}

/** @param embed without it parts are found by their words alone */
export function schemaSearch(schema: GraphQLSchema, embed?: EmbedTexts): SchemaSearch {
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]);
  const isRoot = (type: GraphQLNamedType): boolean => roots.has(type as never);
  const entries = entriesOf(schema);
  const best = ranking(entries, embed);
  const finder = schemaFinder(schema, best);
  let plain: string | undefined;
  let known: Ways | undefined;
  const ways = (): Ways => (known ??= waysThrough(schema));

  return {
    finder,
    sdl(described) {
      if (described) return printSchema(schema);
      return (plain ??= minified(printSchema(schema)));
    },
    async search(query, limit) {
      const found = (await best(query, limit)).map(({ entry }) => entry);
      if (found.length === 0)
        return `Nothing fits ${JSON.stringify(query.slice(0, 100))}. Entry points:\n\n${rootFields(schema)}`;
      const example = found.flatMap(({ type, field }) =>
        field === undefined ? [] : (ways().example(type, field) ?? []),
      )[0];
      const shown = example === undefined ? '' : `\n\n# For example:\n${example}`;
      const brief = { characters: AGENTS.searchCharacters - shown.length, words: new Set(askedFor(query).flat()) };
      return `${render(found, roots as ReadonlySet<GraphQLNamedType>, ways(), brief)}${shown}`;
    },
    ranked: async (query, limit) => (await best(query, limit)).map(({ entry }) => nameOf(entry)),
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
}

/** The search of each schema, made when it is first asked for and shared by all who ask. @param embed as in {@link schemaSearch} */
export function schemaSearches(embed?: EmbedTexts): (schema: GraphQLSchema) => SchemaSearch {
  const searches = new WeakMap<GraphQLSchema, SchemaSearch>();
  return (schema) => {
    let made = searches.get(schema);
    if (made === undefined) searches.set(schema, (made = schemaSearch(schema, embed)));
    return made;
  };
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

/** The entries as SDL, type by type, and the types that are shown whole. @param isShort leaves out of descriptions what `describe` shows */
function blocksOf(
  entries: readonly Entry[],
  roots: ReadonlySet<GraphQLNamedType>,
  ways: Ways,
  isShort: boolean,
): { text: string; whole: ReadonlySet<GraphQLNamedType> } {
  const whole = new Set<GraphQLNamedType>();
  const blocks: string[] = [];
  for (const [type, found] of grouped(entries, (entry) => entry.type)) {
    if (found.some(({ field }) => field === undefined) && !roots.has(type)) {
      blocks.push(`${printType(type)}${by(ways.to(type))}`);
      whole.add(type);
      continue;
    }
    const fields: Field[] = found.flatMap(({ field }) => (field === undefined ? [] : [field]));
    if (fields.length === 0) continue;
    const keyword = isInputObjectType(type) ? 'input' : isInterfaceType(type) ? 'interface' : 'type';
    blocks.push(
      `${keyword} ${type.name} { # some of its fields${roots.has(type) ? '' : by(ways.to(type))}\n${fields.map((field) => printField(field, isShort)).join('\n')}\n}`,
    );
  }
  return { text: blocks.join('\n\n'), whole };
}

/**
 * The entries, the best first, and what they lead to in short: enough to write a selection.
 * @param brief how many characters it may have, about, of which what there is no room for is named; and stems of words that say which of the
 * types further on are wanted. @default all is shown
 */
function render(
  entries: readonly Entry[],
  roots: ReadonlySet<GraphQLNamedType>,
  ways: Ways,
  brief?: { readonly characters: number; readonly words: ReadonlySet<string> },
): string {
  const { characters, words } = brief ?? { characters: Infinity, words: new Set<string>() };
  const isShort = brief !== undefined;
  const [shown, named]: [Entry[], string[]] = [[], []];
  // The best is shown however long it is, the others in half of the room: what they lead to wants the rest.
  for (const entry of entries) {
    const isRoom = blocksOf([...shown, entry], roots, ways, isShort).text.length <= characters / 2;
    if (isRoom || shown.length === 0) shown.push(entry);
    else named.push(nameOf(entry));
  }
  const { text, whole } = blocksOf(shown, roots, ways, isShort);
  let left = characters - text.length;
  const outlines: string[] = [];
  const seen = new Set(whole);
  const tell = (types: readonly GraphQLNamedType[], isNamed: boolean): void => {
    for (const type of types) {
      if (seen.has(type) || outlines.length === AGENTS.outlines) continue;
      seen.add(type);
      const line = outline(type);
      if (line === undefined) continue;
      if (line.length > left) {
        if (isNamed) named.push(type.name);
        continue;
      }
      outlines.push(line);
      left -= line.length;
    }
  };
  const first = shown.flatMap(({ field }) => (field === undefined ? [] : ledTo(field)));
  tell(first, true);
  if (isShort) {
    const isAsked = ({ name }: GraphQLNamedType): boolean => stemsOf(name).some((word) => words.has(word));
    const further = first.flatMap(within).filter((type) => !roots.has(type));
    tell([...further.filter(isAsked), ...further.filter((type) => !isAsked(type))], false);
  }
  return [
    text,
    ...(outlines.length === 0 ? [] : [`# Types that these lead to, in short:\n${outlines.join('\n')}`]),
    ...(named.length === 0 ? [] : [`# More by \`describe\`: ${[...new Set(named)].join(', ')}`]),
  ].join('\n\n');
}

/** Said behind a type that operations reach by other fields. */
const by = (way: string | undefined): string => (way === undefined ? '' : ` # by ${way}`);

function printField(field: Field, isShort: boolean): string {
  const description = field.description ? `  # ${oneLine(field.description, isShort)}\n` : '';
  const given = 'args' in field && field.args.length > 0 ? `(${field.args.map((each) => printArgument(each, isShort)).join(', ')})` : ''; // prettier-ignore
  return `${description}  ${field.name}${given}: ${String(field.type)}`;
}

function printArgument({ name, type, description }: GraphQLArgument, isShort: boolean): string {
  const isKnown = isShort && OF_LISTS.has(name);
  return `${name}: ${String(type)}${description && !isKnown ? ` /* ${oneLine(description, isShort)} */` : ''}`;
}

function oneLine(description: string, isShort: boolean): string {
  const line = description.replace(/\s+/g, ' ');
  return isShort && line.length > AGENTS.shownDescription ? `${line.slice(0, AGENTS.shownDescription)} …` : line;
}

function rootFields(schema: GraphQLSchema): string {
  return [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
    .flatMap((type) => (type ? [`${type.name}: ${Object.keys(type.getFields()).join(', ')}`] : []))
    .join('\n');
}
