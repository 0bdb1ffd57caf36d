/** Random operations on a schema. */
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isLeafType,
  isObjectType,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  type OperationTypeNode,
} from 'graphql';
import { numberOf } from '#subgraphs/shared/exact-number.ts';
import { decimals } from './model.ts';
import { Random } from './random.ts';

export const DEEPEST = 4;

export interface RandomOperation {
  source: string;
  variables: Record<string, unknown>;
}

/**
 * May be invalid, when aliases clash: validate it.
 * @param defers whether some fragments are deferred
 * @param depth of fields below the root, and of fragments
 */
export function randomOperation(
  schema: GraphQLSchema,
  seed: number,
  type: `${OperationTypeNode}` = 'query',
  defers = false,
  depth = DEEPEST,
): RandomOperation {
  return new OperationMaker(schema, new Random(seed), defers).make(type, depth);
}

class OperationMaker {
  readonly #schema: GraphQLSchema;
  readonly #random: Random;
  readonly #variables = new Map<string, { type: string; value: unknown }>();
  readonly #fragments: string[] = [];
  readonly #defers: boolean;
  #labels = 0;

  constructor(schema: GraphQLSchema, random: Random, defers: boolean) {
    this.#defers = defers;
    this.#schema = schema;
    this.#random = random;
  }

  make(type: `${OperationTypeNode}`, depth: number): RandomOperation {
    const root = this.#schema.getRootType(type as OperationTypeNode)!;
    // A subscription has one root field, whose condition nobody knows when it starts.
    const selection =
      type === 'subscription'
        ? `{ ${this.#field(this.#random.pick(Object.values(root.getFields())), depth, true)} }`
        : this.#selectionSet(root, depth);
    const definitions = [...this.#variables].map(([name, { type: of }]) => `$${name}: ${of}`);
    const source = `${type} Random${definitions.length > 0 ? `(${definitions.join(', ')})` : ''} ${selection}\n${this.#fragments.join('\n')}`;
    return {
      source,
      variables: Object.fromEntries(
        [...this.#variables].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]])),
      ),
    };
  }

  #selectionSet(type: GraphQLCompositeType, depth: number): string {
    const random = this.#random;
    const lines: string[] = [];
    if ('getFields' in type) {
      for (const field of random.some(Object.values(type.getFields()), 1)) {
        lines.push(this.#field(field, depth));
        if (random.chance(0.15)) lines.push(this.#field(field, depth));
      }
    }
    if (random.chance(0.3) || lines.length === 0) lines.push(`${random.chance(0.3) ? 't: ' : ''}__typename`);
    for (const condition of this.#conditions(type)) lines.push(this.#fragment(condition, depth));
    return `{ ${lines.filter((line) => line !== '').join(' ') || '__typename'} }`;
  }

  #conditions(type: GraphQLCompositeType): GraphQLCompositeType[] {
    const random = this.#random;
    if (isAbstractType(type)) {
      const conditions: GraphQLCompositeType[] = random.some(this.#schema.getPossibleTypes(type));
      const other = this.#schema.getType('I');
      if (isAbstractType(other) && random.chance(0.25)) conditions.push(other);
      return conditions;
    }
    if (isObjectType(type) && random.chance(this.#defers ? 0.5 : 0.2))
      return [random.pick([type, ...type.getInterfaces()])];
    return [];
  }

  #fragment(type: GraphQLCompositeType, depth: number): string {
    const random = this.#random;
    const selection = this.#selectionSet(type, depth - 1);
    if (random.chance(0.3)) {
      const name = `F${this.#fragments.length}`;
      this.#fragments.push(`fragment ${name} on ${type.name} ${selection}`);
      return `...${name}${this.#condition()}${this.#defer()}`;
    }
    return `... on ${type.name}${this.#condition()}${this.#defer()} ${selection}`;
  }

  #field(field: GraphQLField<unknown, unknown>, depth: number, isAlways = false): string {
    const random = this.#random;
    const type = getNamedType(field.type);
    if (isCompositeType(type) && depth <= 0) return '';
    const argument = field.args.length > 0 && random.chance(0.7) ? random.below(4) : undefined;
    // One alias for each field and argument, mostly, so that selections merge; now and then the name of another field.
    const alias =
      argument !== undefined || random.chance(0.2)
        ? `${random.chance(0.1) ? `f${random.below(12)}` : random.chance(0.1) ? 'constructor' : `a_${field.name}_${argument ?? ''}`}: `
        : '';
    const written = argument === undefined ? '' : `(x: ${this.#value(field.args[0]!.type, argument)})`;
    return `${alias}${field.name}${written}${isAlways ? '' : this.#condition()}${isLeafType(type) ? '' : ` ${this.#selectionSet(type as GraphQLCompositeType, depth - 1)}`}`;
  }

  /** An argument’s value, mostly right. */
  #value(type: GraphQLInputType, argument: number): string | number {
    const random = this.#random;
    switch (String(type)) {
      case 'Decimal': {
        const number = random.pick(decimals(argument));
        return random.chance(0.5) ? number : this.#variable('Decimal', numberOf(number));
      }
      case 'By':
        return random.chance(0.4) ? this.#variable('By', this.#by(argument)) : this.#writtenBy(argument);
      default:
        return random.chance(0.5) ? argument : this.#variable('Int', argument);
    }
  }

  /** One field of an input with `@oneOf`, as a variable; now and then two or none. */
  #by(argument: number): Record<string, unknown> {
    const random = this.#random;
    if (random.chance(0.06)) return random.pick<Record<string, unknown>>([{}, { id: 'x', n: argument }, { n: null }]);
    const decimal = numberOf(random.pick(decimals(argument)));
    return random.pick([
      { id: `i${argument}` },
      { n: argument },
      { price: decimal },
      { place: random.chance(0.5) ? { y: decimal } : { x: argument, y: decimal } },
    ]);
  }

  #writtenBy(argument: number): string {
    const random = this.#random;
    const decimal = random.pick(decimals(argument));
    switch (random.below(5)) {
      case 0:
        return `{ id: "i${argument}" }`;
      case 1:
        return `{ n: ${random.chance(0.5) ? argument : this.#variable('Int!', argument)} }`;
      case 2:
        return `{ price: ${random.chance(0.5) ? decimal : this.#variable('Decimal!', numberOf(decimal))} }`;
      case 3:
        return `{ place: { y: ${decimal} } }`;
      default:
        return `{ place: { x: ${random.chance(0.5) ? argument : this.#variable('Int', argument)}, y: ${decimal} } }`;
    }
  }

  #condition(): string {
    const random = this.#random;
    if (!random.chance(0.12)) return '';
    const condition = random.chance(0.7) ? this.#variable('Boolean!', random.chance(0.5)) : String(random.chance(0.5));
    return ` @${random.pick(['skip', 'include'])}(if: ${condition})`;
  }

  #defer(): string {
    const random = this.#random;
    if (!this.#defers || !random.chance(0.6)) return '';
    const label = random.chance(0.5) ? `label: "l${this.#labels++}"` : '';
    const condition = random.chance(0.3)
      ? `if: ${random.chance(0.5) ? this.#variable('Boolean!', random.chance(0.8)) : random.chance(0.7)}`
      : '';
    return label === '' && condition === ''
      ? ' @defer'
      : ` @defer(${[label, condition].filter((part) => part !== '').join(', ')})`;
  }

  #variable(type: string, value: unknown): string {
    for (const [name, known] of this.#variables)
      if (known.type === type && known.value === value && this.#random.chance(0.7)) return `$${name}`;
    const name = `v${this.#variables.size}`;
    this.#variables.set(name, { type, value });
    return `$${name}`;
  }
}
