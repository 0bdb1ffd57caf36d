/** Aggregates as Cypher: one statement each. What keys and measures are made of is the asking store's own. */
import { columnsOf, measureName, type AggregateRequest, type Grouping, type Measure } from '../aggregates/aggregate.ts';
import type { Condition, Operand } from '../filters/condition.ts';

export interface CypherAggregates {
  /** What is worked out of each row that keys of groups are. */
  key(group: Grouping): string;
  /** What is worked out of each row that a column's measures are taken of. */
  measured(column: string): string;
  /** What a measure is compared with in `having`, as a parameter. */
  operand(measure: Measure, value: Operand): unknown;
}

/**
 * The statement of an aggregate, whose rows are as `aggregatedOf` reads them.
 * @param rows what matches and filters rows, without a `RETURN`
 * @param parameters of `rows`; those of the aggregate are added
 */
export function aggregateCypher(
  dialect: CypherAggregates,
  { groups, measures, having, order, limit, counted }: Omit<AggregateRequest, 'where'>,
  rows: string,
  parameters: Record<string, unknown>,
): string {
  const columns = columnsOf(measures);
  const keys = groups.map((_, index) => `g${index}`);
  const taken = measures.map((_, index) => `m${index}`);
  const nameOf = (measure: Measure): string =>
    taken[measures.findIndex((each) => measureName(each) === measureName(measure))]!;
  const add = (value: unknown): string => {
    const name = `a${Object.keys(parameters).length}`;
    parameters[name] = value;
    return `$${name}`;
  };

  const worked = [
    ...groups.map((group, index) => `${dialect.key(group)} AS g${index}`),
    ...columns.map((column, index) => `${dialect.measured(column)} AS c${index}`),
  ];
  const grouped = [
    ...keys,
    ...measures.map((measure, index) => `${measureCypher(measure, columns, add)} AS ${taken[index]}`),
    // Not nothing: it is what makes rows a group, where no measure does.
    'count(*) AS n',
  ];
  const condition =
    having === undefined
      ? ''
      : ` WHERE ${havingCypher(
          having,
          (column) => measures.find((each) => measureName(each) === column)!,
          nameOf,
          (measure, value) => add(dialect.operand(measure, value)),
        )}`;
  if (limit === 0)
    return `${rows} WITH ${worked.length === 0 ? '1 AS one' : worked.join(', ')} WITH ${grouped.join(', ')}${condition} RETURN count(*) AS total`;
  const all = [...keys, ...taken];
  const total = counted
    ? ` WITH collect([${all.join(', ')}]) AS found UNWIND found AS row WITH ${[...all.map((name, index) => `row[${index}] AS ${name}`), 'size(found) AS total'].join(', ')}`
    : '';
  // Nulls are the largest values here, and texts sort by code point.
  const levels = order.map(
    ({ by, direction }) => `${'group' in by ? keys[by.group] : nameOf(by.measure)} ${direction}`,
  );
  return `${rows} WITH ${worked.length === 0 ? '1 AS one' : worked.join(', ')} WITH ${grouped.join(', ')}${condition}${total} RETURN ${
    [...all, ...(counted ? ['total'] : [])].join(', ') || 'n'
  }${levels.length === 0 ? '' : ` ORDER BY ${levels.join(', ')}`} LIMIT toInteger(${add(limit)})`;
}

function measureCypher(measure: Measure, columns: readonly string[], add: (value: unknown) => string): string {
  if (measure.kind === 'count') return 'count(*)';
  const value = `c${columns.indexOf(measure.column)}`;
  switch (measure.kind) {
    case 'distinct':
      return `count(DISTINCT ${value})`;
    // Of nothing Cypher's sum is 0.
    case 'sum':
      return `CASE WHEN count(${value}) > 0 THEN sum(${value}) END`;
    case 'percentile':
      return `percentileDisc(${value}, ${add(measure.p)})`;
    default:
      return `${measure.kind}(${value})`;
  }
}

/** A measure that is null meets no comparison, and its opposite. */
function havingCypher(
  having: Condition,
  measureOf: (column: string) => Measure,
  nameOf: (measure: Measure) => string,
  add: (measure: Measure, value: Operand) => string,
): string {
  const visit = (condition: Condition): string => {
    switch (condition.kind) {
      case 'and':
      case 'or':
        if (condition.of.length === 0) return condition.kind === 'and' ? 'true' : 'false';
        return condition.of.map((part) => `(${visit(part)})`).join(condition.kind === 'and' ? ' AND ' : ' OR ');
      case 'not':
        return `NOT (${visit(condition.of)})`;
      case 'null':
        return `${nameOf(measureOf(condition.column))} IS NULL`;
      case 'compare': {
        const measure = measureOf(condition.column);
        return `coalesce(${nameOf(measure)} ${condition.operator} ${add(measure, condition.value)}, false)`;
      }
      default:
        throw new Error(`Measures have no conditions of this kind: ${condition.kind}.`);
    }
  };
  return visit(having);
}
