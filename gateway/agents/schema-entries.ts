/** The parts of a schema that can be found, each with the words that lead to it and what it means. */
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isLeafType,
  isObjectType,
  isSpecifiedScalarType,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { stemsOf, tellingWords } from './schema-words.ts';

export type Field = GraphQLField<unknown, unknown> | GraphQLInputField;

/** One thing that can be found: a type, or a field of one. */
export interface Entry {
  readonly type: GraphQLNamedType;
  readonly field: Field | undefined;
  readonly kind: Kind;
  /** Stems, each with what it counts where it stands. */
  readonly words: ReadonlyMap<string, number>;
  /** Those of them that are said of it itself, and not of what it takes or leads to. */
  readonly own: ReadonlyMap<string, number>;
  /** Stems of its name. */
  readonly name: readonly string[];
  /** Its name in its place, and all that says what it is, for embeddings; undefined for what operations do not begin with or select. */
  readonly meaning: readonly [name: string, whole: string] | undefined;
  /** What it is of, among root fields; else what it is called and leads to: further ones of the same say less. */
  readonly family: string;
}

/** What operations begin with matters more than what is reached through it, and that more than what arguments are made of. */
export type Kind =
  'query' | 'change' | 'stream' | 'numbers' | 'field' | 'leaf' | 'inherited' | 'type' | 'input' | 'page';

/** What a word counts by where it stands; found by measuring (docs/agents.md). */
export const WORD = { name: 3.2, returned: 3.8, argument: 1.6, input: 1.2, description: 0.7, leadsTo: 0.6, parent: 0.15 } as const; // prettier-ignore

/** Types that pages and groups are made of: what is in them says more. */
const PAGE = /(Connection|Edge|Payload|Aggregate|Group(Distinct|Keys|Numbers|Percentiles|Values)?)$/;

type Composite = GraphQLObjectType | GraphQLInterfaceType;
const isComposite = (type: GraphQLNamedType): type is Composite => isObjectType(type) || isInterfaceType(type);

export const nameOf = ({ type, field }: Pick<Entry, 'type' | 'field'>): string =>
  field === undefined ? type.name : `${type.name}.${field.name}`;

/** Everything in a schema but introspection. */
export function entriesOf(schema: GraphQLSchema): Entry[] {
  const [query, mutation, subscription] = [
    schema.getQueryType(),
    schema.getMutationType(),
    schema.getSubscriptionType(),
  ];
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  );
  const told = tellingSentences(types);

  return types.flatMap((type) => [
    ofType(type),
    ...(isComposite(type) || isInputObjectType(type) ? Object.values(type.getFields()) : []).map((field) =>
      ofField(type, field),
    ),
  ]);

  function ofType(type: GraphQLNamedType): Entry {
    const own = new Map<string, number>();
    add(own, type.name, WORD.name);
    add(own, type.description, WORD.description);
    const words = new Map(own);
    if (isEnumType(type)) add(words, valuesOf(type), WORD.argument);
    const isPage = PAGE.test(type.name);
    const name = tellingWords(type.name).join(' ');
    return {
      type,
      field: undefined,
      kind: isPage ? 'page' : isComposite(type) ? 'type' : 'input',
      words,
      own,
      name: stemsOf(type.name),
      meaning: isComposite(type) && !isPage ? [name, `${name} ${told(type.description)}`] : undefined,
      family: type.name,
    };
  }

  function ofField(type: GraphQLNamedType, field: Field): Entry {
    const returned = getNamedType(field.type);
    const of = itemOf(returned);
    const isRoot = type === query || type === mutation || type === subscription;
    const kind = kindOf(type, field);
    const own = new Map<string, number>();
    add(own, field.name, WORD.name);
    add(own, field.description, WORD.description);
    const words = new Map(own);
    add(words, returned.name, WORD.returned);
    if (!isRoot) add(words, type.name, WORD.parent);
    if ('args' in field)
      for (const argument of field.args) {
        add(words, `${argument.name} ${argument.description ?? ''}`, WORD.argument);
        const given = getNamedType(argument.type);
        if (type === mutation && isInputObjectType(given)) add(words, described(given), WORD.input);
      }
    add(words, isRoot ? `${of.description ?? ''} ${described(of)}` : returned.description, WORD.leadsTo);
    const name = tellingWords(isRoot ? field.name : `${type.name} ${field.name}`).join(' ');
    const leads = PAGE.test(of.name) || isLeafType(of) ? '' : told(of.description);
    return {
      type,
      field,
      kind,
      words,
      own,
      name: stemsOf(field.name),
      meaning: isComposite(type) && kind !== 'page' ? [name, `${name} ${told(field.description)} ${leads}`] : undefined,
      family:
        type === query
          ? of.name.replace(PAGE, '')
          : isRoot
            ? nameOf({ type, field })
            : `${field.name}: ${isLeafType(returned) ? '' : returned.name}`,
    };
  }

  function kindOf(type: GraphQLNamedType, field: Field): Kind {
    const returned = getNamedType(field.type);
    if (PAGE.test(type.name)) return 'page';
    if (type === mutation) return 'change';
    if (type === subscription) return 'stream';
    if (type === query) return /Aggregate$/.test(returned.name) ? 'numbers' : 'query';
    if (!isComposite(type)) return 'input';
    // It is the interface's, which is found by it.
    if (type.getInterfaces().some((each) => field.name in each.getFields())) return 'inherited';
    return isLeafType(returned) ? 'leaf' : 'field';
  }
}

/** What is in a page, else the type itself. */
function itemOf(type: GraphQLNamedType): GraphQLNamedType {
  const nodes = isComposite(type) ? type.getFields()['nodes'] : undefined;
  return nodes === undefined ? type : getNamedType(nodes.type);
}

/** Names, descriptions and values of a type's fields. */
function described(type: GraphQLNamedType): string {
  if (!isComposite(type) && !isInputObjectType(type)) return '';
  return Object.values(type.getFields())
    .map(({ name, description, type: of }) => {
      const named = getNamedType(of);
      return `${name} ${description ?? ''} ${isEnumType(named) ? named.getValues().map((value) => value.name).join(' ') : ''}`; // prettier-ignore
    })
    .join(' ');
}

const valuesOf = (type: GraphQLNamedType): string =>
  isEnumType(type)
    ? type
        .getValues()
        .map(({ name, description }) => `${name} ${description ?? ''}`)
        .join(' ')
    : '';

/** Of descriptions, the words that say something, without the sentences that many have: those tell nothing of one. */
function tellingSentences(types: readonly GraphQLNamedType[]): (description: string | null | undefined) => string {
  const sentencesOf = (text: string | null | undefined): string[] =>
    (text ?? '').slice(0, AGENTS.wordCharacters).split(/(?<=[.;:])\s+/);
  const often = new Map<string, number>();
  const count = (text: string | null | undefined): void => {
    for (const sentence of new Set(sentencesOf(text))) often.set(sentence, (often.get(sentence) ?? 0) + 1);
  };
  for (const type of types) {
    count(type.description);
    if (isComposite(type) || isInputObjectType(type))
      for (const { description } of Object.values(type.getFields())) count(description);
  }
  return (text) =>
    sentencesOf(text)
      .filter((sentence) => (often.get(sentence) ?? 0) <= AGENTS.sameSentences)
      .flatMap(tellingWords)
      .join(' ');
}

function add(words: Map<string, number>, text: string | null | undefined, weight: number): void {
  for (const word of new Set(stemsOf(text ?? ''))) words.set(word, Math.max(words.get(word) ?? 0, weight));
}
