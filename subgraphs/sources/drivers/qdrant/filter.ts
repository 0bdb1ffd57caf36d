/** Filters of points. Each begins with the tenant: an empty one, or a tenant among `should`, matches the points of all. */
import { CodedError } from '#subgraphs/shared/errors.ts';
import { ExactNumber } from '#subgraphs/shared/exact-number.ts';
import type { Condition, Operand } from '#subgraphs/shared/filters/condition.ts';
import { ALL, NOTHING, together, UNCHECKED, without, type Native } from '#subgraphs/shared/qdrant/native.ts';
import type { Relation, RelationColumn } from '../../driver.ts';
import { ID, keyOf } from './introspect.ts';

/** @returns undefined where nothing can match */
export function filterOf(relation: Relation, tenantId: string, where: Condition | undefined): object | undefined {
  const { tenant } = relation;
  const { filter } = where === undefined ? ALL : nativeOf(relation, where);
  if (filter === false) return undefined;
  const must = [...(tenant === undefined ? [] : [ofTenant(tenant, tenantId)]), ...(filter === true ? [] : [filter])];
  return must.length === 0 ? {} : { must };
}

/** Numbers are matched as numbers, where the column holds them. */
function ofTenant({ name, kind }: RelationColumn, tenantId: string): object {
  const key = pathOf(name);
  if (key === undefined)
    throw new CodedError('STORE_UNAVAILABLE', 'Qdrant cannot filter by the key that names the tenant.', {
      hint: 'Let `tenancy` name one without quotes and backslashes.',
    });
  const isNumber = (kind === 'int' || kind === 'bigint') && /^-?\d{1,18}$/.test(tenantId);
  return { key, match: { value: isNumber ? new ExactNumber(tenantId) : tenantId } };
}

function nativeOf(relation: Relation, condition: Condition): Native {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return together(
        condition.of.map((part) => nativeOf(relation, part)),
        condition.kind === 'and',
      );
    case 'not':
      return without(nativeOf(relation, condition.of));
    case 'compare': {
      const { column, operator, value } = condition;
      if (operator === '=') return anyOf(relation.columns[column]!, [value]);
      return rangeOf(relation.columns[column]!, operator, value);
    }
    case 'in':
      return anyOf(relation.columns[condition.column]!, condition.values);
    case 'list': {
      // A point with such an item matches; what else is asked of it is looked at here.
      const { column, test } = condition;
      const isAsked = (test.kind === 'any' || test.kind === 'all') && test.values.length > 0;
      return isAsked ? anyOf(relation.columns[column]!, test.values) : UNCHECKED;
    }
    default:
      return UNCHECKED;
  }
}

const RANGE = { '>': 'gt', '>=': 'gte', '<': 'lt', '<=': 'lte' } as const;

/** Ranges compare doubles: whole numbers beyond them are looked at here. */
function rangeOf({ name, kind, native }: RelationColumn, operator: keyof typeof RANGE, value: Operand): Native {
  const number = Number(value);
  const key = pathOf(name);
  // Where numbers were seen: the file may say that texts are numbers.
  const isNumber = ['int', 'bigint', 'float'].includes(kind) && ['integer', 'bigint', 'float'].includes(native);
  if (name === ID || key === undefined || !isNumber || !Number.isFinite(number)) return UNCHECKED;
  // Its double may lie on the other side of the bound: what equals it is let through.
  const wide = operator === '>' ? '>=' : operator === '<' ? '<=' : operator;
  return { filter: { key, range: { [RANGE[wide]]: number } } as never, exact: false };
}

/** Values that Qdrant matches as they are: texts and whole numbers. */
function anyOf({ name, kind }: RelationColumn, values: readonly Operand[]): Native {
  if (values.length === 0) return NOTHING;
  if (name === ID) {
    const ids = values.flatMap((value) => idOf(String(value)) ?? []);
    return ids.length === 0 ? NOTHING : { filter: { has_id: ids } as never, exact: true };
  }
  const key = pathOf(name);
  if (key === undefined) return UNCHECKED;
  switch (kind) {
    case 'text':
      return { filter: { key, match: { any: values } } as never, exact: false };
    case 'bigint':
    case 'int':
      // Some points may hold the digits as a text.
      return {
        filter: { should: [values, values.map(String)].map((any) => ({ key, match: { any } })) } as never,
        exact: false,
      };
    default:
      return UNCHECKED;
  }
}

/** As Qdrant takes ids; undefined where it has none such. */
export function idOf(text: string): string | ExactNumber | undefined {
  if (/^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n) return new ExactNumber(String(BigInt(text)));
  return /^[\da-f]{8}(-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(text) ? text : undefined;
}

/** The path to a payload's key; undefined for one that Qdrant has no path to. */
export const pathOf = (column: string): string | undefined => {
  const key = keyOf(column);
  return /^[\w-]+$/.test(key) ? key : /["\\]/.test(key) ? undefined : `"${key}"`;
};
