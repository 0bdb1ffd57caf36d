/**
 * Lifts literals in arguments of fields into variables: agents write literals, and operations that differ only in them
 * share one plan.
 */
import {
  type GraphQLInputObjectType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isScalarType,
  isSpecifiedScalarType,
  Kind,
  parseType,
  print,
  type GraphQLInputType,
  type ValueNode,
  type VariableDefinitionNode,
} from 'graphql';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import { jsonOfLiteral } from '#subgraphs/shared/exact-literal.ts';

/** Where in an operation a value stands. */
export interface ValuePlace {
  /** The field that it is given to, such as `Query.documents`. */
  readonly field: string;
  /** The argument, and what leads to the value in it, such as `filter.tags[0]`. */
  readonly argument: string;
  /** As the client wrote it. */
  readonly node: ValueNode;
}

/** The literals of one operation. */
export class LiteralLifter {
  readonly definitions: VariableDefinitionNode[] = [];
  /** Where the literals stand, by the name of the variable that stands for them. */
  readonly places = new Map<string, ValuePlace[]>();
  /** By the name of the variable that stands for them; as JSON would say them. */
  readonly values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  readonly #taken: ReadonlySet<string>;
  readonly #names = new Map<string, string>();

  /** @param taken names of the operation's own variables */
  constructor(taken: ReadonlySet<string>) {
    this.#taken = taken;
  }

  /**
   * The value with its literals lifted: a variable in its place, or the same shape around variables of the client's.
   * @param field that it is given to
   * @param argument what leads to it there
   */
  lift(value: ValueNode, type: GraphQLInputType, field: string, argument: string): ValueNode {
    if (value.kind === Kind.VARIABLE) return value;
    if (containsVariable(value)) return this.#liftInside(value, type, field, argument);
    return this.#lifted(value, String(type), type, field, argument);
  }

  #lifted(value: ValueNode, typeText: string, type: GraphQLInputType, field: string, argument: string): ValueNode {
    const coerced = plainValue(value, type);
    return coerced === undefined ? value : this.#variableFor(typeText, coerced, { field, argument, node: value });
  }

  /**
   * One that stands within another, beside a variable. What it is is no null, and where the subgraph says that it must not be, it is not: the API's
   * schema may say that it may (an order's `field`, which the gateway's own orders are without).
   */
  #within(value: ValueNode, type: GraphQLInputType, field: string, argument: string): ValueNode {
    if (value.kind === Kind.VARIABLE || value.kind === Kind.NULL || isNonNullType(type) || containsVariable(value))
      return this.lift(value, type, field, argument);
    return this.#lifted(value, `${String(type)}!`, type, field, argument);
  }

  #variableFor(typeText: string, coerced: unknown, place: ValuePlace): ValueNode {
    const value = place.node;
    const key = `${typeText} ${print(value)}`;
    let name = this.#names.get(key);
    if (name === undefined) {
      name = this.#freshName();
      this.#names.set(key, name);
      this.values[name] = coerced;
      this.definitions.push({
        kind: Kind.VARIABLE_DEFINITION,
        variable: { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } },
        type: parseType(typeText, { noLocation: true }),
      });
    }
    const places = this.places.get(name);
    if (places === undefined) this.places.set(name, [place]);
    else places.push(place);
    return { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: name } };
  }

  /**
   * A scalar's literal with variables inside stays as it is: only the subgraph knows what its parts mean. But for numbers
   * that the planner would change.
   */
  #liftInside(value: ValueNode, outer: GraphQLInputType, field: string, argument: string): ValueNode {
    const type = isNonNullType(outer) ? outer.ofType : outer;
    if (value.kind === Kind.LIST && isListType(type)) {
      const itemType = type.ofType as GraphQLInputType;
      return {
        ...value,
        values: value.values.map((item, index) => this.#within(item, itemType, field, `${argument}[${index}]`)),
      };
    }
    if (value.kind === Kind.OBJECT && isInputObjectType(type)) {
      const fields = (type as GraphQLInputObjectType).getFields();
      return {
        ...value,
        fields: value.fields.map((each) => {
          const name = each.name.value;
          const fieldType = fields[name]?.type;
          if (fieldType === undefined) return each;
          return { ...each, value: this.#within(each.value, fieldType, field, `${argument}.${name}`) };
        }),
      };
    }
    return isScalarType(type) && !isSpecifiedScalarType(type)
      ? this.#liftNumbers(value, type.name, field, argument)
      : value;
  }

  #liftNumbers(value: ValueNode, scalar: string, field: string, argument: string): ValueNode {
    if (value.kind === Kind.LIST)
      return {
        ...value,
        values: value.values.map((item, index) => this.#liftNumbers(item, scalar, field, `${argument}[${index}]`)),
      };
    if (value.kind === Kind.OBJECT)
      return {
        ...value,
        fields: value.fields.map((each) => ({
          ...each,
          value: this.#liftNumbers(each.value, scalar, field, `${argument}.${each.name.value}`),
        })),
      };
    const json = value.kind === Kind.INT || value.kind === Kind.FLOAT ? jsonOfLiteral(value) : undefined;
    return json instanceof ExactNumber ? this.#variableFor(scalar, json, { field, argument, node: value }) : value;
  }

  #freshName(): string {
    let name = `_${this.definitions.length}`;
    while (this.#taken.has(name)) name = `_${name}`;
    return name;
  }
}

function containsVariable(value: ValueNode): boolean {
  switch (value.kind) {
    case Kind.VARIABLE:
      return true;
    case Kind.LIST:
      return value.values.some(containsVariable);
    case Kind.OBJECT:
      return value.fields.some((field) => containsVariable(field.value));
    default:
      return false;
  }
}

/**
 * A literal as JSON would say it. Unlike graphql-js's `valueFromAST` it leaves out what the client left out: a default
 * is the subgraph's to fill in, and another may have another.
 * @returns undefined for what is not of the type, which validation has refused
 * @throws CodedError `BAD_USER_INPUT` for a number that a `Float` cannot be
 */
function plainValue(value: ValueNode, outer: GraphQLInputType): unknown {
  if (value.kind === Kind.NULL) return null;
  const type = isNonNullType(outer) ? outer.ofType : outer;
  if (isListType(type)) {
    const itemType = type.ofType as GraphQLInputType;
    // One value where a list is expected is a list of one.
    return value.kind === Kind.LIST
      ? value.values.map((item) => plainValue(item, itemType))
      : [plainValue(value, itemType)];
  }
  if (isInputObjectType(type)) {
    if (value.kind !== Kind.OBJECT) return undefined;
    const fields = type.getFields();
    return Object.fromEntries(
      value.fields.flatMap((field) => {
        const fieldType = fields[field.name.value]?.type;
        return fieldType === undefined ? [] : [[field.name.value, plainValue(field.value, fieldType)]];
      }),
    );
  }
  if (!isScalarType(type) && !isEnumType(type)) return undefined;
  if (isScalarType(type) && !isSpecifiedScalarType(type)) return jsonOfLiteral(value);
  const plain: unknown = type.parseLiteral(value, undefined);
  if (plain === Infinity || plain === -Infinity)
    throw badUserInput(`The number ${print(value).slice(0, 50)} is too large for ${type.name}.`);
  return plain;
}
