/** The shop of fixtures/sources/shop.sql with rows: what a source holds, as the API shows it, for every kind of store. */
import { random as randomFrom } from '#tests/setup/random.ts';

/** How values of a field compare, and what filters they have. */
export type FieldKind =
  'int' | 'bigint' | 'decimal' | 'float' | 'text' | 'boolean' | 'date' | 'moment' | 'localMoment' | 'enum';

export type Value = string | number | boolean | null;
export type Row = Readonly<Record<string, Value>>;

export interface ShopLink {
  readonly to: string;
  readonly many: boolean;
  readonly pairs: readonly (readonly [own: string, other: string])[];
}

export interface ShopTable {
  readonly table: string;
  readonly list: string;
  readonly filter: string;
  readonly key: readonly string[];
  /** Fields, their columns and kinds. */
  readonly fields: Readonly<Record<string, readonly [column: string, kind: FieldKind]>>;
  readonly links: Readonly<Record<string, ShopLink>>;
}

export const SHOP: Readonly<Record<'customers' | 'orders' | 'orderLines', ShopTable>> = {
  customers: {
    table: 'customers',
    list: 'customers',
    filter: 'CustomerFilter',
    key: ['id'],
    fields: {
      id: ['id', 'bigint'],
      name: ['name', 'text'],
      mail: ['mail', 'text'],
      born: ['born', 'date'],
      balance: ['balance', 'decimal'],
      score: ['score', 'float'],
      vip: ['vip', 'boolean'],
      createdAt: ['created_at', 'moment'],
      referredBy: ['referred_by', 'bigint'],
    },
    links: {
      referredByCustomer: { to: 'customers', many: false, pairs: [['referredBy', 'id']] },
      customersByReferredBy: { to: 'customers', many: true, pairs: [['id', 'referredBy']] },
      orders: { to: 'orders', many: true, pairs: [['id', 'customerId']] },
    },
  },
  orders: {
    table: 'orders',
    list: 'orders',
    filter: 'OrderFilter',
    key: ['shop', 'number'],
    fields: {
      shop: ['shop', 'int'],
      number: ['number', 'int'],
      customerId: ['customer_id', 'bigint'],
      status: ['status', 'enum'],
      placedAt: ['placed_at', 'localMoment'],
      note: ['note', 'text'],
    },
    links: {
      customer: { to: 'customers', many: false, pairs: [['customerId', 'id']] },
      orderLines: {
        to: 'orderLines',
        many: true,
        pairs: [
          ['shop', 'shop'],
          ['number', 'orderNumber'],
        ],
      },
    },
  },
  orderLines: {
    table: 'order_lines',
    list: 'orderLines',
    filter: 'OrderLineFilter',
    key: ['shop', 'orderNumber', 'line'],
    fields: {
      shop: ['shop', 'int'],
      orderNumber: ['order_number', 'int'],
      line: ['line', 'int'],
      strasse: ['Straße', 'text'],
      price: ['price', 'decimal'],
      amount: ['amount', 'bigint'],
    },
    links: {
      order: {
        to: 'orders',
        many: false,
        pairs: [
          ['shop', 'shop'],
          ['orderNumber', 'number'],
        ],
      },
    },
  },
};

/** In the store's order, and what the store calls them. */
export const STATUS: Readonly<Record<string, string>> = { NEW: 'new', IN_PROGRESS: 'in progress', SHIPPED: 'shipped' };

export type ShopRows = Readonly<Record<keyof typeof SHOP, readonly Row[]>>;

/**
 * Rows of one tenant.
 * @param first the id of its first customer: keys are of all tenants together
 * @param foreign the id of a customer of another tenant, whom some orders lead to and no answer may tell of
 */
export function shopRows(seed: number, first: number, foreign: number): ShopRows {
  const random = randomFrom(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const customers = Array.from({ length: 25 }, (_, index): Row => ({
    id: index === 24 ? '9223372036854775807'.replace(/\d$/, String(first % 8)) : first + index,
    name: pick(['Ada', 'ada', 'Zoë', 'O’Neil', '100%', 'a_b', 'back\\slash', '']),
    mail: pick([null, 'a@example.com', 'B@example.com', '%@_']),
    born: pick([null, '0044-03-15', '1999-12-31', '2000-02-29']),
    balance: pick(['0', '-1.10', '1.1', '12345678901234567890.123456789', '0.000000000000000000001']),
    score: pick([null, 0, -0.5, 0.1, 1e300]),
    vip: pick([true, false]),
    createdAt: pick(['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000001Z', '2025-06-30T23:59:59.999Z']),
    referredBy: index === 0 ? null : pick([null, first, first + Math.floor(index / 2)]),
  }));
  const orders = Array.from({ length: 40 }, (_, index): Row => ({
    shop: index % 3,
    number: first * 100 + index,
    customerId: index % 10 === 0 ? foreign : pick([null, ...customers.map(({ id }) => id!)]),
    status: pick(Object.keys(STATUS)),
    placedAt: pick([null, '2026-02-01T08:00:00', '2026-02-01T08:00:00.5', '2024-02-29T00:00:00']),
    note: pick([null, '', 'fast', 'FAST', 'slow\nand steady']),
  }));
  const orderLines = orders.flatMap(({ shop, number }): Row[] =>
    Array.from({ length: Math.floor(random() * 4) }, (_, index) => ({
      shop: shop!,
      orderNumber: number!,
      line: index + 1,
      strasse: pick([null, 'Hauptstraße', 'hauptstraße', '通り']),
      price: pick(['0.0000', '19.9900', '1234567890123456.7890']),
      amount: pick([1, 2, '9007199254740993', '-9223372036854775808']),
    })),
  );
  return { customers, orders, orderLines };
}
