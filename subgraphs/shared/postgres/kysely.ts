/** Kysely as a typed compiler of SQL. Execution goes through `Postgres`, which owns tenancy, time-outs and counting. */
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';

/**
 * A query builder over the tables of one PostgreSQL schema. Its queries are compiled, never executed:
 * `postgres.read(context, db.selectFrom('documents').selectAll().compile())`.
 */
export function queryBuilder<Tables>(schema: string): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  }).withSchema(schema);
}
