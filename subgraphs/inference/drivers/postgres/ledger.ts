/** What was spent on models, in PostgreSQL: for all processes, and through restarts. */
import type { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import type { BudgetLedger, DaySums } from '../../driver.ts';

const ADD = `
  INSERT INTO inference.budget_days AS days (day, subject, tokens, money)
  SELECT $1::date, subject, $3::bigint, $4::float8 FROM unnest($2::text[]) WITH ORDINALITY AS given (subject, place) ORDER BY place
  ON CONFLICT (tenant_id, day, subject) DO UPDATE
    SET tokens = GREATEST(days.tokens + excluded.tokens, 0), money = GREATEST(days.money + excluded.money, 0)
  RETURNING subject, tokens::float8 AS tokens, money, xmax = 0 AS begun`;

// A call that began before midnight ends on its own day.
const FORGET = 'DELETE FROM inference.budget_days WHERE day < $1::date - 1';

interface DayRow {
  subject: string;
  tokens: number;
  money: number;
  begun: boolean;
}

/** @param postgres whose migrations of inference have run */
export function postgresLedger(postgres: Postgres): BudgetLedger {
  return {
    async add(context, day, { tokens, money }, check) {
      const { subject, system } = context.principal;
      // The tenant's row first, in whichever order callers come: two that lock both never wait for each other.
      const subjects = system === true ? [''] : ['', subject];
      await postgres.transaction(context, async (tx) => {
        const rows = await tx.query<DayRow>({ sql: ADD, parameters: [day, subjects, tokens, money] });
        const tenant = rows.find((row) => row.subject === '')!;
        const sums: DaySums = { tenant, principal: rows.find((row) => row.subject !== '') };
        check?.(sums);
        if (tenant.begun) await tx.query({ sql: FORGET, parameters: [day] });
      });
    },
  };
}
