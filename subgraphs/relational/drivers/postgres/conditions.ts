/** Conditions on the columns of a model, as SQL. */
import type { RawBuilder } from 'kysely';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import * as shared from '#subgraphs/shared/postgres/conditions.ts';
import { columnOf, type ColumnType, type Model } from '../../models/columns.ts';
import { columnRef } from './sql.ts';

/** The SQL type that operands of a column are cast to. */
export const SQL_TYPE: Record<ColumnType, shared.FilteredColumn['type']> = {
  id: 'text',
  text: 'text',
  int: 'integer',
  boolean: 'boolean',
  moment: 'timestamptz',
  json: 'jsonb',
};

/** An expression that is true for the rows that match; false or null for all others. */
export const conditionSql = (model: Model, condition: Condition): RawBuilder<unknown> =>
  shared.conditionSql(
    (field) => ({ ref: columnRef(model, field), type: SQL_TYPE[columnOf(model, field).type] }),
    condition,
  );
