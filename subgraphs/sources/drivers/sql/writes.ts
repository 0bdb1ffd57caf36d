/**
 * Writing rows of a source of any SQL: whole lists in one transaction. The tenant's column is the caller's in every statement,
 * and what rows lead to by foreign keys must be the caller's too, or nothing is written.
 */
import { sql } from 'kysely';
import { badUserInput, CodedError, conflict, forbidden } from '#subgraphs/shared/errors.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { Relation, RelationColumn, SourceRow, Values, WriteRequest } from '../../driver.ts';
import type { Sql, SqlStatement, WritingDialect } from './dialect.ts';
import { columnIn, compiled, isTenantOf, listStatement, named, rowOf, whereSql } from './statements.ts';

/** Runs a statement of the transaction. */
export type Run = (statement: SqlStatement) => Promise<Record<string, unknown>[]>;

type Key = readonly string[];

/** Writes, and reads what has become of the rows, in the order in which they were given. @throws CodedError */
export async function write(
  dialect: WritingDialect,
  run: Run,
  { relation, key, write: asked, fields, texts, held }: WriteRequest,
  tenantId: string,
): Promise<SourceRow[]> {
  if (!isTenantOf(relation, tenantId)) throw forbidden('These rows belong to another tenant.');
  const at = new Writing(dialect, relation, tenantId);
  const read = async (by: readonly string[], keys: readonly Key[], where?: Condition): Promise<SourceRow[]> => {
    if (keys.length === 0) return [];
    const wanted = [...new Set([...texts, ...key])];
    const request = { relation, fields, texts: wanted, order: [], limit: 1, parents: { fields: by, keys }, where };
    const rows = await run(listStatement(dialect, request, tenantId));
    const found = new Map(rows.map((row) => [Number(row['at']), rowOf(dialect, request, row)]));
    return keys.flatMap((_, index) => found.get(index + 1) ?? []);
  };
  if (asked.kind === 'delete') {
    const keys = distinct(asked.keys.map((each) => textsOf(each, key)));
    const rows = await read(key, keys);
    if (rows.length > 0) await run(at.delete(key, keys));
    return rows;
  }
  let by = key;
  let keys: Key[] = [];
  switch (asked.kind) {
    case 'insert':
      keys = await inserted(run, at, asked.rows, key);
      break;
    case 'update': {
      keys = asked.rows.map((row) => textsOf(row, key));
      const there = await lockable(run, at, key, keys);
      for (const [index, row] of asked.rows.entries()) {
        if (!there[index]) throw at.missing(key, keys[index]!);
        const changes = without(row, key);
        if (Object.keys(changes).length > 0) await run(at.update(changes, key, keys[index]!));
      }
      break;
    }
    case 'upsert': {
      by = asked.on;
      keys = asked.rows.map((row) => textsOf(row, by));
      const there = await lockable(run, at, by, keys);
      const fresh = asked.rows.filter((_, index) => !there[index]);
      for (const [index, row] of asked.rows.entries()) {
        if (!there[index]) continue;
        const said = key.filter((field) => !by.includes(field) && row[field] !== undefined);
        if (said.length > 0 && (await run(at.lock([...by, ...said], textsOf(row, [...by, ...said])))).length === 0)
          throw conflict('The row that is there has another key.', {
            hint: `Leave ${said.map((field) => `\`${field}\``).join(', ')} out: keys do not change.`,
          });
        const changes = without(row, [...by, ...key]);
        if (Object.keys(changes).length > 0) await run(at.update(changes, by, keys[index]!));
      }
      if (fresh.length > 0) await inserted(run, at, fresh, key);
      break;
    }
  }
  const foreign = held.length === 0 ? [] : await read(by, keys, leadsNowhere(relation, held));
  if (foreign.length > 0)
    throw badUserInput('A row would lead to one that is not there.', {
      hint: `Look at what its foreign keys (${held.map((link) => `\`${link}\``).join(', ')}) name.`,
      extensions: { violates: 'FOREIGN_KEY' },
    });
  const rows = await read(by, keys);
  if (rows.length < keys.length)
    throw conflict('A row cannot be found after it was written.', {
      hint: 'A trigger or a policy of the database may have changed its key or its tenant.',
    });
  return rows;
}

async function inserted(run: Run, at: Writing, rows: readonly Values[], key: readonly string[]): Promise<Key[]> {
  const parts = at.oneByOne ? rows.map((row) => [row]) : [rows];
  const made: Record<string, unknown>[] = [];
  for (const part of parts) made.push(...(await at.inserted(run, part, key)));
  if (made.length < rows.length)
    throw conflict('A row was not inserted.', {
      hint: `A trigger or a policy of the database may keep it out${at.returns ? '' : ', or it makes the key itself: give it'}.`,
    });
  return made.map((row) => key.map((_, index) => row[`k${index}`] as string));
}

/** By all their parts: `a,b` and `c` are another key than `a` and `b,c`. */
const distinct = (keys: readonly Key[]): Key[] => [
  ...new Map(keys.map((each) => [JSON.stringify(each), each])).values(),
];

/** Which of the keys have rows of the caller; nobody changes them before this transaction ends. */
async function lockable(run: Run, at: Writing, by: readonly string[], keys: readonly Key[]): Promise<boolean[]> {
  if (distinct(keys).length < keys.length)
    throw badUserInput('Two of the rows have one key.', { hint: 'Say each row once.' });
  const there: boolean[] = [];
  for (const key of keys) there.push((await run(at.lock(by, key))).length > 0);
  return there;
}

function without(row: Values, fields: readonly string[]): Values {
  return Object.fromEntries(Object.entries(row).filter(([field]) => !fields.includes(field)));
}

function textsOf(row: Values, fields: readonly string[]): Key {
  return fields.map((field) => {
    const value = row[field];
    if (value === undefined || value === null) throw badUserInput(`\`${field}\` says which row is meant: give it.`);
    return value instanceof Date ? value.toISOString() : String(value as string);
  });
}

/** Rows that lead along one of the links, and to nothing that the caller may see. */
const leadsNowhere = ({ links }: Relation, held: readonly string[]): Condition => ({
  kind: 'or',
  of: held.map((link) => ({
    kind: 'and',
    of: [
      ...links[link]!.pairs.map(([own]): Condition => ({ kind: 'not', of: { kind: 'null', column: own } })),
      { kind: 'not', of: { kind: 'linked', link, of: undefined } },
    ],
  })),
});

class Writing {
  readonly #dialect: WritingDialect;
  readonly #relation: Relation;
  readonly #tenantId: string;

  constructor(dialect: WritingDialect, relation: Relation, tenantId: string) {
    this.#dialect = dialect;
    this.#relation = relation;
    this.#tenantId = tenantId;
  }

  get oneByOne(): boolean {
    return this.#dialect.oneByOne === true || !this.returns;
  }

  /** Whether `INSERT` tells the keys of what it has made. */
  get returns(): boolean {
    return this.#dialect.unreturned === undefined;
  }

  missing(key: readonly string[], texts: Key): Error {
    const said = key.map((field, index) => `${field}: ${JSON.stringify(texts[index]?.slice(0, 80))}`).join(', ');
    return new CodedError('NOT_FOUND', `There is no row with ${said}.`);
  }

  /** Inserts rows, and tells their keys: `k0`, `k1` … */
  async inserted(run: Run, rows: readonly Values[], key: readonly string[]): Promise<Record<string, unknown>[]> {
    const { unreturned } = this.#dialect;
    const returned = key.map((field, index) =>
      named(this.#dialect.textOf(this.#ref(field), this.#column(field)), `k${index}`),
    );
    if (unreturned === undefined) return await run(this.#insert(rows, sql` RETURNING ${sql.join(returned)}`));
    const row = { ...rows[0]!, ...(await this.#made(run, rows[0]!, key)) };
    await run(compiled(this.#dialect, unreturned.forget));
    await run(this.#insert([row], sql``));
    const found = key.map((field) =>
      row[field] === undefined
        ? sql`${this.#ref(field)} = ${unreturned.counted}`
        : this.#is([field], textsOf(row, [field])),
    );
    const conditions = [...this.#own(), ...found];
    return await run(
      compiled(this.#dialect, sql`SELECT ${sql.join(returned)} FROM ${this.#table}${whereSql(conditions)}`),
    );
  }

  /** What the database would make of the key, made before so that it is known. @throws CodedError for what nobody can know */
  async #made(run: Run, row: Values, key: readonly string[]): Promise<Values> {
    const unsaid = key.filter((field) => row[field] === undefined && this.#column(field).made !== 'counted');
    const values = unsaid.map((field) => {
      const column = this.#column(field);
      if (typeof column.made !== 'object')
        throw badUserInput(`\`${field}\` is part of the key, and the database does not tell how it makes it: give it.`);
      return named(this.#dialect.textOf(sql.raw(`(${column.made.as})`), column), field);
    });
    if (values.length === 0) return {};
    const [made] = await run(compiled(this.#dialect, sql`SELECT ${sql.join(values)}`));
    return made!;
  }

  #insert(rows: readonly Values[], told: Sql): SqlStatement {
    const { tenant, columns } = this.#relation;
    const fields = Object.keys(columns).filter((field) => rows.some((row) => row[field] !== undefined));
    const names = [...(tenant === undefined ? [] : [tenant]), ...fields.map((field) => this.#column(field))];
    const own = tenant === undefined ? [] : [this.#dialect.written(this.#tenantId, tenant)];
    const values = rows.map((row) => {
      const given = fields.map((field) =>
        row[field] === undefined ? sql`DEFAULT` : this.#dialect.written(row[field], this.#column(field)),
      );
      return sql`(${sql.join([...own, ...given])})`;
    });
    const into =
      names.length === 0
        ? this.#dialect.nothing
        : sql`(${sql.join(names.map(({ name }) => sql.id(name)))}) VALUES ${sql.join(values)}`;
    return compiled(this.#dialect, sql`INSERT INTO ${this.#table} ${into}${told}`);
  }

  update(changes: Values, by: readonly string[], texts: Key): SqlStatement {
    const set = Object.entries(changes).map(
      ([field, value]) => sql`${this.#ref(field)} = ${this.#dialect.written(value, this.#column(field))}`,
    );
    return compiled(
      this.#dialect,
      sql`UPDATE ${this.#table} SET ${sql.join(set)}${whereSql([...this.#own(), this.#is(by, texts)])}`,
    );
  }

  lock(by: readonly string[], texts: Key): SqlStatement {
    return compiled(
      this.#dialect,
      sql`SELECT 1 AS n FROM ${this.#table}${whereSql([...this.#own(), this.#is(by, texts)])}${this.#dialect.locked ?? sql` FOR UPDATE`}`,
    );
  }

  delete(by: readonly string[], keys: readonly Key[]): SqlStatement {
    const any = sql`(${sql.join(
      keys.map((texts) => this.#is(by, texts)),
      sql` OR `,
    )})`;
    return compiled(this.#dialect, sql`DELETE FROM ${this.#table}${whereSql([...this.#own(), any])}`);
  }

  get #table(): Sql {
    return this.#dialect.table(this.#relation);
  }

  #column(field: string): RelationColumn {
    return columnIn(this.#relation, field);
  }

  #ref(field: string): Sql {
    return sql.id(this.#column(field).name);
  }

  /** Of the caller's rows. */
  #own(): Sql[] {
    const { tenant } = this.#relation;
    return tenant === undefined ? [] : [this.#dialect.isTenant(sql.id(tenant.name), tenant, this.#tenantId)];
  }

  #is(by: readonly string[], texts: Key): Sql {
    const parts = by.map((field, index) => {
      if (this.#dialect.isText !== undefined)
        return this.#dialect.isText(this.#ref(field), this.#column(field), texts[index]!);
      const { ref, type } = this.#dialect.level(this.#ref(field), this.#column(field), 'ASC');
      const value = typeof type === 'string' ? sql`${texts[index]}::${sql.raw(type)}` : type(texts[index]);
      return sql`${ref} = ${value}`;
    });
    return sql`(${sql.join(parts, sql` AND `)})`;
  }
}
