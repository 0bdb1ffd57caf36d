/** A shop of four tables, of one tenant, and what is asked of it. */

/** Rows are made by number, so that every run has the same. */
export const tables = (scale: number): string => `
  CREATE TABLE customers (
    id integer PRIMARY KEY, name text NOT NULL, email text NOT NULL, city text NOT NULL, country text NOT NULL, balance numeric NOT NULL
  );
  CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL, price numeric NOT NULL);
  CREATE TABLE orders (
    id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers, status text NOT NULL, total numeric NOT NULL, placed_at timestamptz NOT NULL
  );
  CREATE TABLE order_lines (
    id integer PRIMARY KEY, order_id integer NOT NULL REFERENCES orders, product_id integer NOT NULL REFERENCES products, quantity integer NOT NULL
  );
  INSERT INTO customers SELECT i, 'Customer ' || lpad((i * 7919 % ${1_000 * scale})::text, 6, '0'), i || '@example.com', 'City ' || i % 97,
    (ARRAY['Chile', 'Japan', 'Kenya', 'Peru'])[1 + i % 4], i * 1.10 FROM generate_series(1, ${1_000 * scale}) AS i;
  INSERT INTO products SELECT i, 'Product ' || i, i * 0.25 FROM generate_series(1, 500) AS i;
  INSERT INTO orders SELECT i, 1 + i % ${1_000 * scale}, (ARRAY['new', 'paid', 'shipped'])[1 + i % 3], i % 1000 * 1.01,
    timestamptz '2026-01-01 00:00+00' + i * interval '1 minute' FROM generate_series(1, ${10_000 * scale}) AS i;
  INSERT INTO order_lines SELECT i, 1 + i % ${10_000 * scale}, 1 + i % 500, 1 + i % 9 FROM generate_series(1, ${30_000 * scale}) AS i;
  CREATE INDEX ON customers (country, name, id);
  CREATE INDEX ON customers (name);
  CREATE INDEX ON orders (customer_id, id);
  CREATE INDEX ON orders (status);
  CREATE INDEX ON order_lines (order_id, id);
  CREATE INDEX ON order_lines (product_id);
`;

export const SOURCES_FILE = `sources:
  shop: { kind: postgres, url: SHOP_DATABASE_URL, tenancy: shared }
`;

export type Asked = 'list' | 'nested' | 'aggregate';

/** The same of each contestant, in its own words; by hand, the name of what is written. */
export const QUERIES: Readonly<Record<string, Readonly<Record<Asked, string>>>> = {
  tributary: {
    list: `{ customers(where: { country: { eq: "Chile" } }, orderBy: [{ field: NAME }], first: 50) { nodes { id name email city balance } } }`,
    nested: `{ customers(where: { country: { eq: "Chile" } }, orderBy: [{ field: NAME }], first: 10) { nodes { name
      orders(first: 5) { nodes { id status placedAt orderLines(first: 5) { nodes { quantity product { name price } } } } } } } }`,
    aggregate: `{ ordersAggregate(groupBy: [{ field: STATUS }]) { groups { keys { status } count sum { total } } } }`,
  },
  postgraphile: {
    list: `{ allCustomers(condition: { country: "Chile" }, orderBy: [NAME_ASC], first: 50) { nodes { rowId name email city balance } } }`,
    nested: `{ allCustomers(condition: { country: "Chile" }, orderBy: [NAME_ASC], first: 10) { nodes { name
      ordersByCustomerId(first: 5) { nodes { rowId status placedAt orderLinesByOrderId(first: 5) { nodes { quantity productByProductId { name price } } } } } } } }`,
    aggregate: `{ allOrders { groupedAggregates(groupBy: [STATUS]) { keys sum { total } distinctCount { rowId } } } }`,
  },
  'by hand': { list: 'list', nested: 'nested', aggregate: 'aggregate' },
};
