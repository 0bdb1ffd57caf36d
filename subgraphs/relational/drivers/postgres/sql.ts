/** How this driver writes SQL: Kysely's `sql` tag, compiled and run through `Postgres`. */
import { sql, type CompiledQuery, type RawBuilder } from 'kysely';
import { queryBuilder } from '#subgraphs/shared/postgres/kysely.ts';
import type { ModelName, Rows } from '../../driver.ts';
import { columnOf, columnsOf, MODELS, type Model } from '../../models/columns.ts';

const builder = queryBuilder<unknown>('relational');

/** Compiles a statement to text with parameters. */
export const statement = <Row>(raw: RawBuilder<Row>): CompiledQuery<Row> => raw.compile(builder);

/** A model's table. */
export const tableOf = (model: Model): RawBuilder<unknown> => sql.id('relational', model.table);

/** The column of a field, of the table or alias `of`. */
export const columnRef = (model: Model, field: string, of: string = model.table): RawBuilder<unknown> =>
  sql.id(of, columnOf(model, field).column);

/** The columns of a model that are read with its rows, under the names of their fields. */
export function selection(name: ModelName, of: string = MODELS[name].table): RawBuilder<unknown> {
  return sql.join(
    columnsOf(MODELS[name] as Model)
      .filter(([, { apart }]) => apart !== true)
      .map(([field, { column }]) => sql`${sql.id(of, column)} AS ${sql.id(field)}`),
  );
}

/** A statement whose rows are a model's; the caller writes `selection(model)` into it. */
export const rowsOf = <M extends ModelName>(_model: M, raw: RawBuilder<unknown>): CompiledQuery<Rows[M]> =>
  statement(raw as RawBuilder<Rows[M]>);
