/** A condition on entities as SQL with parameters. */
import { sql } from 'kysely';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { conditionSql } from '#subgraphs/shared/postgres/conditions.ts';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';

const builder = queryBuilder<unknown>('graph');

/** Collects parameters; `add` returns the placeholder. */
export class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** What `where` asks of a row of `entities` named `e`. */
export function filterSql(where: Condition | undefined, parameters: Parameters): string {
  if (where === undefined) return 'true';
  const raw = conditionSql((field) => ({ ref: sql.id('e', field), type: 'text' }), where);
  const compiled = raw.compile(builder);
  const before = parameters.values.length;
  parameters.values.push(...compiled.parameters);
  return before === 0
    ? compiled.sql
    : compiled.sql.replace(/\$(\d+)/g, (_, number: string) => `$${before + Number(number)}`);
}
