/**
 * What the operators of other APIs' filters are called here. Of a name that a filter does not have, graphql-js tells what is spelt
 * like it, such as `lte` for `like`: those who bring it from Hasura, Prisma, PostGraphile or SQL mean something else.
 */
import { isInputObjectType, type GraphQLNamedType } from 'graphql';

const UNKNOWN = /Field "(\w{1,80})" is not defined by type "(\w{1,200})"\.(?: Did you mean [^?]{1,500}\?)?$/;
/** The longest end of a message that {@link UNKNOWN} matches: what comes before it quotes values, and may be long. */
const END = 900;

/** Ours, by theirs in small letters and without underscores. */
const OURS: ReadonlyMap<string, readonly string[]> = new Map(
  (
    [
      ['equal equals equalto exact iexact is', ['eq']],
      ['neq notequal notequals notequalto isnot', ['ne']],
      ['anyof oneof', ['in']],
      ['nin noneof', ['notIn']],
      ['null isempty exists isnotnull', ['isNull']],
      ['less lessthan before', ['lt']],
      ['lessthanorequal lessthanorequalto max until', ['lte']],
      ['greater greaterthan after', ['gt']],
      ['greaterthanorequal greaterthanorequalto min since', ['gte']],
      ['between range', ['gte', 'lte']],
      ['like ilike likeinsensitive', ['contains', 'startsWith', 'endsWith', 'matches']],
      ['icontains includes includesinsensitive containsinsensitive has search', ['contains']],
      ['begins beginswith istartswith startswithinsensitive prefix', ['startsWith']],
      ['ends iendswith endswithinsensitive suffix', ['endsWith']],
      ['regex iregex regexp similar match', ['matches']],
      ['nlike nilike notlike notcontains doesnotcontain nregex niregex nsimilar none', ['not']],
      ['mode insensitive', ['contains', 'matches']],
      ['every some all', ['and']],
      ['any', ['or']],
    ] as const
  ).flatMap(([theirs, ours]) => theirs.split(' ').map((name) => [name, ours] as const)),
);

/**
 * @param message of graphql-js, about a literal or a variable
 * @param typeNamed the schema's types
 * @returns the message, with our names in the place of those that are only spelt alike; as it was where none is known
 */
export function withOurOperators(message: string, typeNamed: (name: string) => GraphQLNamedType | undefined): string {
  const end = message.slice(-END);
  const [told, name = '', typeName = ''] = UNKNOWN.exec(end) ?? [];
  const type = told === undefined ? undefined : typeNamed(typeName);
  if (told === undefined || !isInputObjectType(type)) return message;
  const fields = type.getFields();
  // Filters have one of these, and inputs that are written have none.
  if (fields['not'] === undefined && fields['eq'] === undefined) return message;
  const plain = name.replaceAll('_', '').toLowerCase();
  const spelt = Object.keys(fields).find((field) => field.toLowerCase() === plain);
  const ours = spelt === undefined ? (OURS.get(plain) ?? []).filter((field) => fields[field] !== undefined) : [spelt];
  if (ours.length === 0) return message;
  const quoted = ours.map((field) => `"${field}"`);
  const said = plain === 'between' || plain === 'range' ? quoted.join(' and ') : quoted.join(' or ');
  return `${message.slice(0, message.length - told.length)}Field "${name}" is not defined by type "${typeName}". Write ${said}.`;
}
