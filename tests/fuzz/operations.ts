/** Random operations by the grammar of a schema: what may be asked, in shapes that nobody asks for. */
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationTypeNode,
} from 'graphql';
import type { Random } from '#tests/engine/random/random.ts';
import { hostileJson, hostileNumber, hostileText, moment, plainText } from './values.ts';

export interface MadeOperation {
  readonly query: string;
  /** JSON text. */
  readonly variables: string;
}

/** How an operation is out of the ordinary. */
interface Shape {
  readonly depth: number;
  /** Of each selection, of its fields. */
  readonly width: number;
  /** How often a field comes again under another name. */
  readonly aliases: number;
  readonly fragments: number;
  /** How often a value is one that nobody should send. */
  readonly hostility: number;
  /** Items that lists are asked for. */
  readonly pages: readonly number[];
}

const SHAPES: readonly Shape[] = [
  { depth: 5, width: 0.4, aliases: 0, fragments: 0.15, hostility: 0, pages: [1, 5, 20, 50] },
  { depth: 5, width: 0.3, aliases: 0.05, fragments: 0.2, hostility: 0.35, pages: [0, 1, 5, 200] },
  { depth: 24, width: 0.06, aliases: 0, fragments: 0.1, hostility: 0.03, pages: [1, 2, 3] },
  { depth: 12, width: 0.08, aliases: 0, fragments: 0.1, hostility: 0.02, pages: [5, 10, 20] },
  { depth: 4, width: 1, aliases: 0, fragments: 0.1, hostility: 0.02, pages: [20, 100, 200] },
  { depth: 3, width: 0.3, aliases: 8, fragments: 0.05, hostility: 0.05, pages: [20, 100, 200] },
  { depth: 8, width: 0.2, aliases: 0.3, fragments: 0.8, hostility: 0.05, pages: [5, 10] },
];

/** Fields of an operation, about: past them selections are only `__typename`. */
const SIZES: readonly number[] = [30, 100, 300, 600, 1_500];

/**
 * Characters of an operation's values, about: past them lists are empty, objects have what they must, and texts are short. What
 * is longer than the server reads is tried too, but seldom: a fuzzer that is busy with writing asks nothing.
 */
const LENGTHS: readonly number[] = [...Array.from({ length: 30 }, () => 150_000), 1_000_000, 6_000_000];

/** An operation, a value in six of which may be one that its type does not take. */
export function makeOperation(
  schema: GraphQLSchema,
  random: Random,
  type: `${OperationTypeNode}` = 'query',
): MadeOperation {
  return new Maker(schema, random, random.pick(SHAPES)).make(type);
}

class Maker {
  readonly #schema: GraphQLSchema;
  readonly #random: Random;
  readonly #shape: Shape;
  readonly #variables: { name: string; type: string; byDefault: string | undefined; json: string | undefined }[] = [];
  readonly #fragments: string[] = [];
  #fields = 0;
  readonly #largest: number;
  /** Characters that values may still have. */
  #left: number;
  /** Whether ids are made up, so that not everything is deleted at once. */
  #madeUp = false;
  /** Whether a literal is written, which may have variables within it. */
  #isLiteral = false;

  constructor(schema: GraphQLSchema, random: Random, shape: Shape) {
    this.#schema = schema;
    this.#random = random;
    this.#shape = shape;
    this.#largest = random.pick(SIZES);
    this.#left = random.pick(LENGTHS);
  }

  make(type: `${OperationTypeNode}`): MadeOperation {
    const random = this.#random;
    const root = this.#schema.getRootType(type as OperationTypeNode)!;
    const fields = Object.values(root.getFields());
    const count =
      type === 'query' ? random.pick([1, 1, 2, 3, 10]) : type === 'mutation' ? random.pick([1, 1, 1, 3]) : 1;
    const lines: string[] = [];
    for (let index = 0; index < count; index++) {
      const field = random.pick(fields);
      this.#madeUp = /^(delete|revoke|cancel|finish|forget)/.test(field.name) && random.chance(0.95);
      lines.push(...this.#again(field, this.#shape.depth, `r${index}`));
    }
    if (type === 'query' && random.chance(0.04)) lines.push(random.pick(INTROSPECTION));
    const variables = this.#variables.map(
      ({ name, type: of, byDefault }) => `$${name}: ${of}${byDefault === undefined ? '' : ` = ${byDefault}`}`,
    );
    const head = `${type} Fuzz${variables.length > 0 ? `(${variables.join(', ')})` : ''}`;
    return {
      query: `${head} { ${lines.join(' ')} }\n${this.#fragments.join('\n')}`,
      variables: `{${this.#variables.flatMap(({ name, json }) => (json === undefined ? [] : [`"${name}":${json}`])).join(',')}}`,
    };
  }

  /** A field, now and then under many names. */
  #again(field: GraphQLField<unknown, unknown>, depth: number, prefix: string): string[] {
    const random = this.#random;
    const { aliases } = this.#shape;
    const times =
      1 +
      (aliases >= 1 ? random.below(aliases * (depth === this.#shape.depth ? 6 : 1)) : random.chance(aliases) ? 1 : 0);
    return Array.from({ length: times }, (_, index) => this.#field(field, depth, `${prefix}_${index}`));
  }

  #field(field: GraphQLField<unknown, unknown>, depth: number, alias: string): string {
    this.#fields += 1;
    const args = field.args.flatMap((argument) => this.#argument(argument));
    const written = args.length > 0 ? `(${args.join(', ')})` : '';
    const type = getNamedType(field.type);
    const selection = isCompositeType(type) ? ` ${this.#selection(type, depth - 1)}` : '';
    const stream = isListType(isNonNullType(field.type) ? field.type.ofType : field.type) && this.#random.chance(0.03) ? ' @stream(initialCount: 1)' : ''; // prettier-ignore
    return `${alias}: ${field.name}${written}${this.#condition()}${stream}${selection}`;
  }

  #selection(type: GraphQLCompositeType, depth: number): string {
    const random = this.#random;
    if (depth <= 0 || this.#fields > this.#largest) return '{ __typename }';
    const lines: string[] = [];
    if ('getFields' in type) {
      const all = Object.values(type.getFields());
      const leads = all.filter((field) => isCompositeType(getNamedType(field.type)));
      const chosen = all.filter(() => random.chance(this.#shape.width));
      // So that it does get deep.
      if (leads.length > 0 && random.chance(0.9)) chosen.push(random.pick(leads));
      if (chosen.length === 0) chosen.push(random.pick(all));
      for (const [index, field] of chosen.entries()) lines.push(...this.#again(field, depth, `${field.name}${index}`));
    } else lines.push('__typename');
    if (isAbstractType(type))
      for (const possible of random.some(this.#schema.getPossibleTypes(type), 1))
        lines.push(`... on ${possible.name} ${this.#selection(possible, depth - 1)}`);
    if (random.chance(this.#shape.fragments)) lines.push(this.#fragment(type, depth));
    return `{ ${lines.join(' ')} }`;
  }

  #fragment(type: GraphQLCompositeType, depth: number): string {
    const random = this.#random;
    const defer = random.chance(0.25) ? ' @defer' : '';
    const known = this.#fragments.length > 0 && random.chance(0.3);
    if (known) {
      const of = random.pick(this.#fragments);
      const [, name, on] = /^fragment (\w+) on (\w+)/.exec(of)!;
      if (on === type.name) return `...${name} ...${name}${defer}`;
    }
    const selection = this.#selection(type, depth - 1);
    if (random.chance(0.5)) return `... on ${type.name}${this.#condition()}${defer} ${selection}`;
    const name = `F${this.#fragments.length}`;
    this.#fragments.push(`fragment ${name} on ${type.name} ${selection}`);
    return `...${name}${this.#condition()}${defer}`;
  }

  #condition(): string {
    const random = this.#random;
    if (!random.chance(0.04)) return '';
    const value = random.chance(0.5)
      ? random.pick(['true', 'false'])
      : this.#variable('Boolean!', String(random.chance(0.5)));
    return ` @${random.pick(['skip', 'include'])}(if: ${value})`;
  }

  #argument(argument: GraphQLArgument): string[] {
    const random = this.#random;
    if (argument.name === 'after' && !random.chance(0.04 + this.#shape.hostility)) return [];
    if (!isRequiredArgument(argument) && !random.chance(/^(first|last|limit)$/.test(argument.name) ? 0.85 : 0.25))
      return [];
    const isPage = /^(first|last|limit)$/.test(argument.name);
    const value =
      isPage && !random.chance(this.#shape.hostility)
        ? String(random.pick(this.#shape.pages))
        : random.chance(0.35)
          ? this.#variable(String(argument.type), this.#json(argument.type, 4, argument.name))
          : this.#literal(argument);
    return [`${argument.name}: ${value}`];
  }

  /** A value as GraphQL writes it, with variables within it. */
  #literal({ type, name }: GraphQLArgument): string {
    this.#isLiteral = true;
    const json = this.#json(type, 4, name);
    this.#isLiteral = false;
    return literal(json);
  }

  /** A variable in the place of a value within a literal; it may be null where the place may not, which is refused. */
  #within(type: GraphQLInputType, json: string): string {
    const name = this.#variable(`${String(type)}${this.#random.chance(0.7) ? '!' : ''}`, json);
    return JSON.stringify(`\u0002${name.slice(1)}`);
  }

  #variable(type: string, json: string): string {
    const random = this.#random;
    const name = `v${this.#variables.length}`;
    const isNullable = !type.endsWith('!');
    const byDefault = isNullable && random.chance(0.15) ? literal(json) : undefined;
    const isAbsent = random.chance(isNullable ? 0.2 : 0.02);
    const given = isNullable && random.chance(0.1) ? 'null' : json.replaceAll('\\u0001', '');
    this.#variables.push({ name, type, byDefault, json: isAbsent ? undefined : given });
    return `$${name}`;
  }

  /** A value as JSON; texts that begin with \u0001 are names of an enum where it is written into an operation. */
  #json(type: GraphQLInputType, depth: number, name: string): string {
    const isLeaf = !isListType(type) && !isNonNullType(type) && !isInputObjectType(type);
    const isVariable = this.#isLiteral && !isNonNullType(type) && this.#random.chance(isLeaf ? 0.1 : 0.06);
    // No variable stands within another's value.
    if (isVariable) this.#isLiteral = false;
    const json = this.#left > 0 ? this.#any(type, depth, name) : this.#least(type, depth);
    if (isLeaf) this.#left -= json.length;
    if (isVariable) this.#isLiteral = true;
    return isVariable ? this.#within(type, json) : json;
  }

  /** The shortest that the type takes, about. */
  #least(type: GraphQLInputType, depth: number): string {
    if (!isNonNullType(type)) return 'null';
    const of = type.ofType as GraphQLInputType;
    if (isListType(of)) return '[]';
    if (!isInputObjectType(of)) return '1';
    const required = Object.values(of.getFields()).filter((field) => isRequiredInputField(field) && depth > 0);
    return `{${required.map((field) => `${JSON.stringify(field.name)}:${this.#least(field.type, depth - 1)}`).join(',')}}`;
  }

  #any(type: GraphQLInputType, depth: number, name: string): string {
    const random = this.#random;
    if (random.chance(this.#shape.hostility * 0.25)) return hostileJson(random);
    if (isNonNullType(type)) return this.#json(type.ofType as GraphQLInputType, depth, name);
    if (random.chance(this.#shape.hostility * 0.1)) return 'null';
    if (isListType(type)) {
      const count = random.chance(this.#shape.hostility * 0.2) ? 400 : random.below(4);
      return `[${Array.from({ length: count }, () => this.#json(type.ofType as GraphQLInputType, depth - 1, name)).join(',')}]`;
    }
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields());
      const chosen = fields.filter((field) => isRequiredInputField(field) || (depth > 0 && random.chance(type.isOneOf ? 0 : 0.25))); // prettier-ignore
      if (chosen.length === 0 && depth > 0) chosen.push(random.pick(fields));
      return `{${chosen.map((field) => `${JSON.stringify(field.name)}:${this.#json(field.type, depth - 1, field.name)}`).join(',')}}`;
    }
    if (isEnumType(type)) return JSON.stringify(`\u0001${random.pick(type.getValues()).name}`);
    const isHostile = random.chance(this.#shape.hostility);
    switch (getNamedType(type).name) {
      case 'Int':
        return isHostile ? hostileNumber(random) : String(random.pick([0, 1, 2, 5, 10]));
      case 'Float':
        return isHostile ? hostileNumber(random) : String(random.pick([0, 0.5, 1, 1_000]));
      case 'Boolean':
        return String(random.chance(0.5));
      case 'DateTime':
        return JSON.stringify(isHostile ? moment(random) : '2026-06-01T00:00:00Z');
      case 'JSON':
        return isHostile
          ? hostileJson(random)
          : random.pick(['{"kind":"package"}', '1', '"x"', '[1,2]', '{"a":{"b":null}}']);
      case 'ID':
        return JSON.stringify(
          isHostile ? hostileText(random) : this.#madeUp ? `doc_${random.below(1_000)}` : `%id:${random.below(200)}%`,
        );
      default:
        return JSON.stringify(isHostile ? hostileText(random) : stringFor(name, random));
    }
  }
}

/** What is mostly accepted under a name. */
function stringFor(name: string, random: Random): string {
  switch (name) {
    case 'mediaType':
    case 'contentType':
      return random.pick(['text/markdown', 'text/plain', 'application/json']);
    case 'text':
    case 'content':
      return `# ${plainText(random)}\n\n${plainText(random)} `.repeat(random.pick([1, 10, 200]));
    case 'key':
    case 'path':
    case 'prefix':
    case 'source':
      return `fuzz/${random.below(30)}`;
    case 'kind':
      return random.pick(['Package', 'License']);
    case 'after':
      return random.pick(['0', '5', 'now', `%id:${random.below(200)}%`]);
    default:
      return plainText(random);
  }
}

/** JSON as GraphQL writes it: names without quotes. Deep and wide values go through variables too, where this fails. */
function literal(json: string): string {
  if (json.length > 20_000) return '"large"';
  return json.replace(/"\\u0001(\w+)"/g, '$1').replace(/"\\u0002(\w+)"/g, '$$$1').replace(/"([A-Za-z_]\w*)":/g, '$1:').replace(/"[^"\\]*(?:\\.[^"\\]*)*":/g, 'k:'); // prettier-ignore
}

const INTROSPECTION = [
  '__schema { types { name fields { name type { name ofType { name ofType { name ofType { name } } } } args { name } } } }',
  '__type(name: "Document") { fields { name type { fields { name type { fields { name } } } } } }',
  '__schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } }',
  '__schema { directives { name args { name defaultValue } } } ',
];
