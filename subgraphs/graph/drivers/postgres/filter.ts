/** The entity filter as an SQL condition with parameters. */
import { sql } from 'kysely';
import { conditionSql } from '#subgraphs/shared/postgres/conditions.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import { entityCondition, type EntityFilter } from '../../driver.ts';

const builder = queryBuilder<unknown>('graph');

/** Collects parameters; `add` returns the placeholder. */
export class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** The condition that `filter` puts on a row of `entities` named `e`; `true` where it asks for nothing. */
export function filterSql(filter: EntityFilter, parameters: Parameters): string {
  const raw = conditionSql((field) => ({ ref: sql.id('e', field), type: 'text' }), entityCondition(filter));
  const compiled = raw.compile(builder);
  const before = parameters.values.length;
  parameters.values.push(...compiled.parameters);
  return before === 0
    ? compiled.sql
    : compiled.sql.replace(/\$(\d+)/g, (_, number: string) => `$${before + Number(number)}`);
}
