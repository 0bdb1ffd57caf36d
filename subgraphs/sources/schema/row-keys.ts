/**
 * Keys of several columns as one text, by which conditions of other stores look rows up: a JSON list of the columns' texts, in the
 * order of the key, such as `["7","12"]`.
 */
import type { Condition, Operand } from '#subgraphs/shared/filters/condition.ts';
import type { Relation, SourceRow } from '../driver.ts';
import { mayBeKey } from '../model/fits.ts';
import { ROW_KEY, type ModelType } from '../model/model.ts';

export const rowKeyOf = ({ key }: Pick<ModelType, 'key'>, texts: SourceRow['texts']): string =>
  JSON.stringify(key.map((field) => texts[field] ?? null));

/** A condition that may ask for such keys, as one that stores know. @param typeOf the type of a name */
export function withoutRowKeys(typeOf: (name: string) => ModelType, type: ModelType, condition: Condition): Condition {
  const within = (of: Condition): Condition => withoutRowKeys(typeOf, type, of);
  switch (condition.kind) {
    case 'and':
    case 'or':
      return { ...condition, of: condition.of.map(within) };
    case 'not':
      return { ...condition, of: within(condition.of) };
    case 'linked': {
      const link = type.links.find(({ field }) => field === condition.link)!;
      return { ...condition, of: condition.of && withoutRowKeys(typeOf, typeOf(link.to), condition.of) };
    }
    default:
      if (condition.column !== ROW_KEY || type.columns.some(({ field }) => field === ROW_KEY)) return condition;
      if (condition.kind === 'in') return oneOf(type, condition.values);
      // No row is without a key.
      return oneOf(type, condition.kind === 'compare' ? [condition.value] : []);
  }
}

/** What is no key is of no row. */
function oneOf(type: ModelType, values: readonly Operand[]): Condition {
  const { key } = type;
  const columns = key.map((field) => type.columns.find((column) => column.field === field)!);
  const found = new Map<string, readonly (string | null)[]>();
  for (const value of values) {
    const parts = partsOf(value, key.length);
    if (
      parts?.every(
        (part, index) => part === null || mayBeKey(columns[index]!, type.relation.columns[key[index]!]!, part),
      )
    )
      found.set(JSON.stringify(parts), parts);
  }
  const all = [...found.values()];
  const whole = all.filter((parts): parts is string[] => !parts.includes(null));
  const asked = keyed(type, whole);
  // Nothing equals null.
  const others = byFirst(
    type,
    all.filter((parts) => parts.includes(null)),
  );
  return others.of.length === 0 ? asked : { kind: 'or', of: [asked, others] };
}

/** Column by column only for stores that know no keys: of many, to say it takes longer than to be asked. */
function keyed(type: ModelType, keys: readonly (readonly string[])[]): Or {
  if (keys.length === 0) return { kind: 'or', of: [] };
  let each: Or['of'] | undefined;
  return {
    kind: 'or',
    keys: { columns: type.key, keys },
    get of() {
      return (each ??= byFirst(type, keys).of);
    },
  };
}

type Or = Extract<Condition, { kind: 'or' }>;

/** Rows of which the first columns are the same are asked for together. */
function byFirst({ key, relation }: ModelType, keys: readonly (readonly (string | null)[])[]): Or {
  const groups = new Map<string, { readonly first: readonly (string | null)[]; readonly last: Set<string | null> }>();
  for (const parts of keys) {
    const first = parts.slice(0, -1);
    const name = JSON.stringify(first);
    const group = groups.get(name) ?? { first, last: new Set() };
    groups.set(name, group);
    group.last.add(parts.at(-1)!);
  }
  return {
    kind: 'or',
    of: [...groups.values()].map(({ first, last }) => ({
      kind: 'and',
      of: [
        ...first.map((part, index) => among(relation, key[index]!, [part])),
        among(relation, key.at(-1)!, [...last]),
      ],
    })),
  };
}

function among({ columns }: Relation, column: string, parts: readonly (string | null)[]): Condition {
  const numbers = columns[column]!.kind === 'int';
  const values = parts.filter((part) => part !== null).map((part) => (numbers ? Number(part) : part));
  const known: Condition = { kind: 'in', column, values };
  if (values.length === parts.length) return known;
  return { kind: 'or', of: [known, { kind: 'null', column }] };
}

function partsOf(value: Operand, length: number): (string | null)[] | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(String(value));
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.length !== length) return undefined;
  return parts.every((part) => part === null || typeof part === 'string') ? parts : undefined;
}
