/** A model's filter: its GraphQL input type, and what a caller's input means. */
import type { InputRef } from '@pothos/core';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { RELATIONAL } from '../bounds.ts';
import type { Condition, Operand } from './conditions.ts';
import { columnOf, columnsOf, type ColumnType, type Model } from './columns.ts';

/** A filter as GraphQL hands it over. */
export type FilterInput = Record<string, unknown>;

/** Defines `<Model>Filter` from the filterable columns of a model. */
export function filterInput(subgraph: SubgraphSchema, model: Model): InputRef<FilterInput> {
  const { builder, shared } = subgraph;
  const byType: Record<Exclude<ColumnType, 'json'>, () => unknown> = {
    id: () => shared.IdFilter,
    text: () => shared.StringFilter,
    int: () => shared.IntFilter,
    boolean: () => shared.BooleanFilter,
    moment: () => shared.DateTimeFilter,
  };
  const ref = builder.inputRef<FilterInput>(`${model.name}Filter`);
  // The fields come from the model, so their types cannot be known to the compiler.
  const implement = ref.implement.bind(ref) as unknown as (options: unknown) => InputRef<FilterInput>;
  return implement({
    description:
      `Which ${model.items} to return. All that is given must hold. At most ${RELATIONAL.conditionDepth} levels deep, ` +
      `with ${RELATIONAL.conditions} conditions.`,
    fields: (t: { field(options: { type: unknown; description: string }): unknown }) => ({
      and: t.field({ type: [ref], description: 'All of these must match.' }),
      or: t.field({ type: [ref], description: 'At least one of these must match; an empty list matches nothing.' }),
      not: t.field({ type: ref, description: 'Must not match this.' }),
      ...Object.fromEntries(
        columnsOf(model)
          .filter(([, column]) => column.filterable)
          .map(([field, column]) => [
            field,
            column.type === 'json'
              ? t.field({
                  type: [jsonFilterInput(subgraph, `${model.name}${field[0]?.toUpperCase()}${field.slice(1)}Filter`)],
                  description: `Conditions on \`${field}\`; all of them must hold.`,
                })
              : t.field({
                  type: byType[column.type](),
                  description: `Conditions on \`${field}\`.${column.nullable ? ' `eq: null` means that it has no value.' : ''}`,
                }),
          ]),
      ),
    }),
  });
}

function jsonFilterInput({ builder }: SubgraphSchema, name: string) {
  const ref = builder.inputRef<FilterInput>(name);
  const implement = ref.implement.bind(ref) as unknown as (options: unknown) => InputRef<FilterInput>;
  return implement({
    description: 'A condition on the value at a path of a JSON object.',
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any subgraph's builder
    fields: (t: PothosSchemaTypes.InputFieldBuilder<any, 'InputObject'>) => ({
      path: t.stringList({
        required: true,
        description: 'Keys from the outside in, such as `["author", "name"]`; list items by index.',
      }),
      eq: t.field({ type: 'JSON', description: 'The value there equals this, as JSON.' }),
      in: t.field({
        type: ['JSON'],
        required: { list: false, items: false },
        description: 'The value there equals one of these; an empty list matches nothing. At most 500.',
      }),
      exists: t.boolean({ description: 'Whether there is a value, null included.' }),
      not: t.boolean({ description: 'Turns the condition into its opposite.' }),
    }),
  });
}

/**
 * Turns a caller's filter into a condition; `undefined` where it asks for nothing.
 * @throws CodedError `BAD_USER_INPUT` where it passes the bounds of one filter or compares with what cannot be stored
 */
export function parseFilter(model: Model, filter: FilterInput | null | undefined): Condition | undefined {
  if (filter === null || filter === undefined) return undefined;
  const condition = new FilterParser(model).parse(filter, 1);
  return condition.kind === 'and' && condition.of.length === 0 ? undefined : condition;
}

class FilterParser {
  readonly #model: Model;
  #conditions = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  parse(filter: FilterInput, depth: number): Condition {
    this.#checkDepth(depth);
    const all: Condition[] = [];
    for (const [field, value] of Object.entries(filter)) {
      if (value === null || value === undefined) continue;
      if (field === 'and' || field === 'or') {
        all.push({
          kind: field,
          of: (value as (FilterInput | null)[]).map((part) => this.parse(part ?? {}, depth + 1)),
        });
      } else if (field === 'not') {
        all.push({ kind: 'not', of: this.parse(value as FilterInput, depth + 1) });
      } else if (columnOf(this.#model, field).type === 'json') {
        for (const condition of value as (FilterInput | null)[]) if (condition) all.push(this.#json(field, condition));
      } else {
        all.push(this.#column(field, value as FilterInput, depth + 1));
      }
    }
    return all.length === 1 && all[0] ? all[0] : { kind: 'and', of: all };
  }

  #column(field: string, operators: FilterInput, depth: number): Condition {
    this.#checkDepth(depth);
    const all: Condition[] = [];
    for (const [name, value] of Object.entries(operators)) {
      if (value === undefined) continue;
      if (name === 'eq' && value === null) all.push(this.#count({ kind: 'null', column: field }));
      else if (value === null)
        throw badUserInput(`\`${field}: { ${name}: null }\` means nothing; leave it out, or use \`eq: null\`.`);
      else if (name === 'not') all.push({ kind: 'not', of: this.#column(field, value as FilterInput, depth + 1) });
      else all.push(this.#operator(field, name, value));
    }
    return all.length === 1 && all[0] ? all[0] : { kind: 'and', of: all };
  }

  #operator(column: string, name: string, value: unknown): Condition {
    switch (name) {
      case 'in':
        return this.#count({
          kind: 'in',
          column,
          values: boundedIn(column, value as unknown[]).map((item) => operand(column, item)),
        });
      case 'contains':
      case 'startsWith':
        return this.#count({ kind: name, column, text: String(operand(column, value)) });
      case 'eq':
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return this.#count({ kind: 'compare', column, operator: OPERATORS[name], value: operand(column, value) });
      default:
        throw new Error(`A filter has an operator that is not known: ${name}.`);
    }
  }

  #json(column: string, { path, eq, in: values, exists, not }: FilterInput): Condition {
    const keys = (path as string[]).map((key) => String(operand(`${column}.path`, key)));
    if (keys.length === 0) throw badUserInput(`\`${column}\`: a path must not be empty.`);
    if (keys.length > RELATIONAL.pathKeys)
      throw badUserInput(`\`${column}\`: a path has at most ${RELATIONAL.pathKeys} keys.`);
    const all: Condition[] = [];
    // Null is a JSON value here: `eq: null` finds a null that is there.
    if (eq !== undefined) all.push(this.#count({ kind: 'json', column, path: keys, values: [eq as JsonValue] }));
    if (values !== undefined && values !== null) {
      all.push(
        this.#count({
          kind: 'json',
          column,
          path: keys,
          values: boundedIn(column, values as unknown[]) as JsonValue[],
        }),
      );
    }
    if (exists !== undefined && exists !== null) {
      const there: Condition = this.#count({ kind: 'jsonExists', column, path: keys });
      all.push(exists === true ? there : { kind: 'not', of: there });
    }
    if (all.length === 0) throw badUserInput(`\`${column}\`: a condition needs \`eq\`, \`in\` or \`exists\`.`);
    const condition: Condition = { kind: 'and', of: all };
    return not === true ? { kind: 'not', of: condition } : condition;
  }

  #count(condition: Condition): Condition {
    if (++this.#conditions > RELATIONAL.conditions)
      throw badUserInput(`A filter has at most ${RELATIONAL.conditions} conditions.`);
    return condition;
  }

  #checkDepth(depth: number): void {
    // The outermost level holds columns and operators already: nesting is what `and`, `or` and `not` add.
    if (depth > RELATIONAL.conditionDepth + 1)
      throw badUserInput(`A filter is at most ${RELATIONAL.conditionDepth} levels deep.`);
  }
}

const OPERATORS = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function boundedIn(field: string, values: unknown[]): unknown[] {
  if (values.length > RELATIONAL.listed)
    throw badUserInput(`\`${field}: { in }\` has ${values.length} values; at most ${RELATIONAL.listed} are accepted.`);
  return values;
}

function operand(field: string, value: unknown): Operand {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'string') {
    if (value.length > RELATIONAL.filterCharacters)
      throw badUserInput(`\`${field}\`: texts in filters have at most ${RELATIONAL.filterCharacters} characters.`);
    if (value.includes('\0')) throw badUserInput(`\`${field}\`: texts cannot contain the NUL character (U+0000).`);
    return value;
  }
  if (value === null || value === undefined)
    throw badUserInput(`\`${field}\`: a value to compare with must not be null.`);
  return value as Operand;
}
