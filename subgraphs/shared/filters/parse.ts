/** What a caller's filter means, within bounds. */
import { badUserInput } from '../errors.ts';
import { ExactNumber } from '../exact-number.ts';
import type { JsonValue } from '../json.ts';
import type { Condition, JsonTest, Operand } from './condition.ts';
import { parsePattern } from './pattern.ts';

/** A filter as GraphQL hands it over. */
export type FilterInput = Record<string, unknown>;

export interface FilterRules {
  /** By field, whether it is a JSON column, whose conditions have paths, or one of lists. */
  readonly columns: Readonly<Record<string, 'scalar' | 'json' | 'list'>>;
  /** Names that fields had before, and the fields. */
  readonly formerly?: Readonly<Record<string, string>>;
  /** By field that leads to other rows: to one or to many of them, and what filters of those may have. */
  readonly links?: Readonly<Record<string, FilteredLink>>;
  /** The most conditions. */
  readonly conditions: number;
  /** The deepest nesting. */
  readonly depth: number;
  /** The most values of a list. */
  readonly listed: number;
  /** The longest text. */
  readonly characters: number;
  /** The most keys of a path. */
  readonly pathKeys: number;
}

export interface FilteredLink {
  readonly many: boolean;
  /** Asked when a filter goes that way: links lead in circles. */
  readonly columns: () => Pick<FilterRules, 'columns' | 'links'>;
}

/**
 * Turns a caller's filter into a condition; `undefined` where it asks for nothing.
 * @throws CodedError `BAD_USER_INPUT` where it passes the bounds of one filter or compares with what cannot be stored
 */
export function parseFilter(rules: FilterRules, filter: object | null | undefined): Condition | undefined {
  if (filter === null || filter === undefined) return undefined;
  const condition = new FilterParser(rules).parse(filter as FilterInput, 1);
  return condition.kind === 'and' && condition.of.length === 0 ? undefined : condition;
}

/** Parses filters that have conditions on these fields, none of which is JSON or leads elsewhere; throws as {@link parseFilter} does. */
export function scalarFilter<Filter extends object>(
  fields: readonly string[],
  bounds: Pick<FilterRules, 'conditions' | 'depth' | 'listed' | 'characters'>,
): (filter: Filter | null | undefined) => Condition | undefined {
  const rules = {
    ...bounds,
    columns: Object.fromEntries(fields.map((field) => [field, 'scalar' as const])),
    pathKeys: 0,
  };
  return (filter) => parseFilter(rules, filter);
}

const not = (of: Condition): Condition => ({ kind: 'not', of });
const LISTS = { has: 'any', contains: 'all', containedBy: 'only', overlaps: 'any' } as const;
const OPERATORS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

class FilterParser {
  /** Those of the rows that are spoken of just now. */
  #rules: FilterRules;
  #conditions = 0;

  constructor(rules: FilterRules) {
    this.#rules = rules;
  }

  parse(filter: FilterInput, depth: number): Condition {
    this.#checkDepth(depth);
    const all: Condition[] = [];
    for (const [name, value] of Object.entries(filter)) {
      if (value === null || value === undefined) continue;
      const field = this.#rules.formerly?.[name] ?? name;
      if (field === 'and' || field === 'or') {
        const parts = value as (FilterInput | null)[];
        // Empty parts are no conditions, and cost to go through all the same.
        if (parts.length > this.#rules.conditions) throw this.#tooMany();
        all.push({ kind: field, of: parts.map((part) => this.parse(part ?? {}, depth + 1)) });
      } else if (field === 'not') {
        all.push(not(this.parse(value as FilterInput, depth + 1)));
      } else if (this.#rules.columns[field] === 'json') {
        for (const condition of value as (FilterInput | null)[]) if (condition) all.push(this.#json(field, condition));
      } else if (this.#rules.columns[field] === 'scalar') {
        all.push(this.#column(field, value as FilterInput, depth + 1));
      } else if (this.#rules.columns[field] === 'list') {
        all.push(this.#list(field, value as FilterInput));
      } else if (this.#rules.links?.[field] !== undefined) {
        all.push(...this.#linked(field, this.#rules.links[field], value as FilterInput, depth));
      } else {
        throw new Error(`A filter has a field that is not known: ${field}.`);
      }
    }
    return all.length === 1 && all[0] ? all[0] : { kind: 'and', of: all };
  }

  /** Of one row: what it must satisfy. Of many: `some`, `every` and `none` of them. */
  #linked(link: string, { many, columns }: FilteredLink, value: FilterInput, depth: number): Condition[] {
    const rules = this.#rules;
    const within = (filter: unknown, opposite = false): Condition => {
      this.#rules = { ...rules, formerly: {}, links: {}, ...columns() };
      const of = this.parse(filter as FilterInput, depth + 1);
      this.#rules = rules;
      return this.#count({ kind: 'linked', link, of: opposite ? not(of) : of });
    };
    if (!many) return [within(value)];
    return Object.entries(value).flatMap(([quantifier, filter]) => {
      if (filter === null || filter === undefined) return [];
      if (quantifier === 'some') return [within(filter)];
      return [not(within(filter, quantifier === 'every'))];
    });
  }

  #column(field: string, operators: FilterInput, depth: number): Condition {
    this.#checkDepth(depth);
    const all: Condition[] = [];
    for (const [name, value] of Object.entries(operators)) {
      if (value === undefined) continue;
      if (value === null && (name === 'eq' || name === 'ne')) {
        const none = this.#count({ kind: 'null', column: field });
        all.push(name === 'eq' ? none : not(none));
      } else if (value === null)
        throw badUserInput(`\`${field}: { ${name}: null }\` means nothing; leave it out, or use \`isNull\`.`);
      else if (name === 'not') all.push(not(this.#column(field, value as FilterInput, depth + 1)));
      else all.push(this.#operator(field, name, value));
    }
    return all.length === 1 && all[0] ? all[0] : { kind: 'and', of: all };
  }

  #operator(column: string, name: string, value: unknown): Condition {
    switch (name) {
      case 'in':
      case 'notIn': {
        const values = this.#listed(column, name, value as unknown[]).map((item) => this.#operand(column, item));
        const listed = this.#count({ kind: 'in', column, values });
        return name === 'in' ? listed : not(listed);
      }
      case 'isNull': {
        const none = this.#count({ kind: 'null', column });
        return value === true ? none : not(none);
      }
      case 'contains':
      case 'startsWith':
      case 'endsWith':
        return this.#count({ kind: name, column, text: String(this.#operand(column, value)) });
      case 'matches':
        return this.#count({ kind: 'matches', column, pattern: this.#pattern(column, value) });
      case 'eq':
      case 'ne': {
        const equal = this.#count({ kind: 'compare', column, operator: '=', value: this.#operand(column, value) });
        return name === 'eq' ? equal : not(equal);
      }
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return this.#count({ kind: 'compare', column, operator: OPERATORS[name], value: this.#operand(column, value) });
      default:
        throw new Error(`A filter has an operator that is not known: ${name}.`);
    }
  }

  #list(column: string, operators: FilterInput): Condition {
    const all: Condition[] = [];
    for (const [name, value] of Object.entries(operators)) {
      if (value === undefined) continue;
      if (value === null)
        throw badUserInput(`\`${column}: { ${name}: null }\` means nothing; leave it out, or use \`isNull\`.`);
      if (name === 'isNull' || name === 'isEmpty') {
        const none: Condition = { kind: 'null', column };
        const asked = this.#count(name === 'isNull' ? none : { kind: 'list', column, test: { kind: 'empty' } });
        // A list that is not there is neither empty nor has it any: it is found by `isNull` alone.
        if (name === 'isEmpty' && value !== true) all.push(not(none));
        all.push(value === true ? asked : not(asked));
        continue;
      }
      const kind = LISTS[name as keyof typeof LISTS];
      const values = this.#listed(column, name, name === 'has' ? [value] : (value as unknown[])).map((item) =>
        this.#operand(column, item),
      );
      all.push(this.#count({ kind: 'list', column, test: { kind, values } }));
    }
    return all.length === 1 && all[0] ? all[0] : { kind: 'and', of: all };
  }

  #json(column: string, { path, not: opposite, ...operators }: FilterInput): Condition {
    const keys = (path as string[]).map((key) => String(this.#operand(`${column}.path`, key)));
    if (keys.length === 0) throw badUserInput(`\`${column}\`: a path must not be empty.`);
    if (keys.length > this.#rules.pathKeys)
      throw badUserInput(`\`${column}\`: a path has at most ${this.#rules.pathKeys} keys.`);
    const all: Condition[] = [];
    for (const [name, value] of Object.entries(operators)) {
      // Null is a JSON value here: `eq: null` finds a null that is there.
      if (value === undefined || (value === null && name !== 'eq' && name !== 'ne')) continue;
      const { test, negated } = this.#jsonTest(column, name, value);
      const condition = this.#count({ kind: 'json', column, path: keys, test });
      all.push(negated ? not(condition) : condition);
    }
    if (all.length === 0)
      throw badUserInput(`\`${column}\`: a condition needs an operator, such as \`eq\`, \`in\` or \`exists\`.`);
    const condition: Condition = { kind: 'and', of: all };
    return opposite === true ? not(condition) : condition;
  }

  #jsonTest(column: string, name: string, value: unknown): { test: JsonTest; negated: boolean } {
    switch (name) {
      case 'exists':
        return { test: { kind: 'exists' }, negated: value !== true };
      case 'eq':
      case 'ne':
        return { test: { kind: 'in', values: [value as JsonValue] }, negated: name === 'ne' };
      case 'in':
      case 'notIn':
        return {
          test: { kind: 'in', values: this.#listed(column, name, value as unknown[]) as JsonValue[] },
          negated: name === 'notIn',
        };
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte': {
        const operand = value instanceof ExactNumber ? value : this.#operand(column, value);
        if (typeof operand === 'boolean' || (typeof operand === 'object' && !(operand instanceof ExactNumber)))
          throw badUserInput(`\`${column}: { ${name} }\` compares with a number or a text.`);
        return { test: { kind: 'compare', operator: OPERATORS[name], value: operand }, negated: false };
      }
      case 'contains':
      case 'startsWith':
      case 'endsWith':
        return { test: { kind: name, text: String(this.#operand(column, value)) }, negated: false };
      case 'matches':
        return { test: { kind: 'matches', pattern: this.#pattern(column, value) }, negated: false };
      default:
        throw new Error(`A filter has an operator that is not known: ${name}.`);
    }
  }

  #pattern = (column: string, value: unknown) =>
    parsePattern(`\`${column}: { matches }\``, String(this.#operand(column, value)));

  #operand(field: string, value: unknown): Operand {
    if (value instanceof Date) return value.toISOString();
    if (typeof value === 'string') {
      if (value.length > this.#rules.characters)
        throw badUserInput(`\`${field}\`: texts in filters have at most ${this.#rules.characters} characters.`);
      if (value.includes('\0')) throw badUserInput(`\`${field}\`: texts cannot contain the NUL character (U+0000).`);
      // A half of a surrogate pair has no UTF-8 form: the store would be asked for another text.
      if (/\p{Surrogate}/u.test(value))
        throw badUserInput(`\`${field}\`: texts cannot contain half of a surrogate pair.`);
      return value;
    }
    if (value === null || value === undefined)
      throw badUserInput(`\`${field}\`: a value to compare with must not be null.`);
    return value as Operand;
  }

  #listed(field: string, name: string, values: unknown[]): unknown[] {
    if (values.length > this.#rules.listed)
      throw badUserInput(
        `\`${field}: { ${name} }\` has ${values.length} values; at most ${this.#rules.listed} are accepted.`,
      );
    return values;
  }

  #count(condition: Condition): Condition {
    if (++this.#conditions > this.#rules.conditions) throw this.#tooMany();
    return condition;
  }

  #tooMany = () => badUserInput(`A filter has at most ${this.#rules.conditions} conditions.`);

  #checkDepth(depth: number): void {
    // The outermost level holds columns and operators already: nesting is what `and`, `or` and `not` add.
    if (depth > this.#rules.depth + 1) throw badUserInput(`A filter is at most ${this.#rules.depth} levels deep.`);
  }
}
