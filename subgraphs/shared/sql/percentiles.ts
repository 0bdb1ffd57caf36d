/** Percentiles where a store has no function for them: rows of each group are numbered by the value, and counted. */
import { sql, type RawBuilder } from 'kysely';
import { columnsOf, type Measure } from '../aggregates/aggregate.ts';

type Sql = RawBuilder<unknown>;
type Percentile = Extract<Measure, { kind: 'percentile' }>;

export class NumberedPercentiles {
  #columns: readonly string[] = [];

  /** What each row has beside for them; see `AggregateDialect.beside`. */
  beside(measures: readonly Measure[], keys: readonly Sql[], valueOf: (column: string) => Sql): readonly Sql[] {
    this.#columns = columnsOf(measures.filter(({ kind }) => kind === 'percentile'));
    const within = keys.length === 0 ? sql`` : sql`PARTITION BY ${sql.join(keys)}`;
    return this.#columns.flatMap((column, index) => {
      const value = valueOf(column);
      return [
        sql`row_number() OVER (${within} ORDER BY ${value} IS NULL, ${value}) AS ${sql.id(`p${index}`)}`,
        sql`count(${value}) OVER (${within}) AS ${sql.id(`q${index}`)}`,
      ];
    });
  }

  /** @param ref the value, as rows have it */
  measure({ column, p }: Percentile, ref: Sql): Sql {
    const at = this.#columns.indexOf(column);
    const [place, count] = [sql.id('r', `p${at}`), sql.id('r', `q${at}`)];
    const share = sql`CAST(${p} AS DOUBLE) * ${count}`;
    // The share rounded up, and the first where it is 0.
    return sql`max(CASE WHEN (${place} >= ${share} AND ${place} - 1 < ${share}) OR (${share} = 0 AND ${place} = 1) THEN ${ref} END)`;
  }
}
