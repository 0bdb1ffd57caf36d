/** The entity filter as an SQL condition with parameters. */
import type { IdFilterShape, StringFilterShape } from '#subgraphs/shared/shared-types.ts';
import type { EntityFilter } from '../../driver.ts';

/** Collects parameters; `add` returns the placeholder. */
export class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** The condition that `filter` puts on a row of `entities` named `e`; `true` where it asks for nothing. */
export function entityCondition(filter: EntityFilter, parameters: Parameters): string {
  const conditions = [
    textCondition('e.id', filter.id, parameters),
    textCondition('e.name', filter.name, parameters),
    textCondition('e.kind', filter.kind, parameters),
    ...(filter.and ?? []).map((part) => entityCondition(part, parameters)),
  ];
  if (filter.or) conditions.push(either(filter.or.map((part) => entityCondition(part, parameters))));
  if (filter.not) conditions.push(`NOT (${entityCondition(filter.not, parameters)})`);
  return every(conditions);
}

function textCondition(
  column: string,
  filter: StringFilterShape | IdFilterShape | null | undefined,
  parameters: Parameters,
): string {
  if (!filter) return 'true';
  const conditions: string[] = [];
  const { eq, in: oneOf, contains, startsWith, not } = filter as StringFilterShape;
  if (typeof eq === 'string') conditions.push(`${column} = ${parameters.add(eq)}`);
  if (oneOf) conditions.push(`${column} = ANY(${parameters.add(oneOf)}::text[])`);
  // The column's own collation knows no upper and lower case beyond ASCII.
  if (typeof contains === 'string') {
    conditions.push(
      `strpos(lower(${column} COLLATE "default"), lower(${parameters.add(contains)}::text COLLATE "default")) > 0`,
    );
  }
  if (typeof startsWith === 'string') conditions.push(`starts_with(${column}, ${parameters.add(startsWith)})`);
  if (not) conditions.push(`NOT (${textCondition(column, not, parameters)})`);
  return every(conditions);
}

const every = (conditions: readonly string[]): string => {
  const real = conditions.filter((condition) => condition !== 'true');
  return real.length === 0 ? 'true' : real.map((condition) => `(${condition})`).join(' AND ');
};

const either = (conditions: readonly string[]): string =>
  conditions.length === 0 ? 'false' : conditions.map((condition) => `(${condition})`).join(' OR ');
