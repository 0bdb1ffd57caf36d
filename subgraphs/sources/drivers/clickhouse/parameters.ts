/** Statements of ClickHouse as text: values stand as `{p0:Type}` and go beside it, and identifiers are escaped as it reads them. */
import { DefaultQueryCompiler, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, sql } from 'kysely';
import type { Sql } from '../sql/dialect.ts';

/** A value of a statement, and what the server reads it as. */
export class Parameter {
  constructor(
    readonly type: string,
    readonly value: string | readonly string[],
  ) {}
}

/** A text, or a list of them, as a value of a type of ClickHouse's. */
export const parameter = (type: string, value: string | readonly string[]): Sql => sql`${new Parameter(type, value)}`;

class ClickhouseCompiler extends DefaultQueryCompiler {
  protected override appendValue(value: unknown): void {
    const typed = value instanceof Parameter ? value : new Parameter('String', String(value as string));
    this.addParameter(typed);
    this.append(`{p${this.numParameters - 1}:${typed.type}}`);
  }

  // `\` escapes here, also in names.
  protected override sanitizeIdentifier(identifier: string): string {
    return identifier.replace(/[\\`]/g, '\\$&');
  }

  protected override sanitizeStringLiteral(value: string): string {
    return value.replace(/[\\']/g, '\\$&');
  }

  protected override getLeftIdentifierWrapper(): string {
    return '`';
  }

  protected override getRightIdentifierWrapper(): string {
    return '`';
  }
}

/** What makes texts of statements. */
export const compiler = new Kysely<object>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new ClickhouseCompiler(),
  },
});
