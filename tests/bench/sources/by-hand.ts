/** What somebody would write who knows the database: `pg`, one statement for each level, over HTTP. Its database is the first argument. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.argv[2], max: 5 });
const ask = async <Row>(name: string, text: string, values: unknown[]): Promise<Row[]> =>
  (await pool.query({ name, text, values })).rows as Row[];

interface Order {
  id: number;
  customer_id: number;
  status: string;
  placed_at: Date;
}
interface Line {
  order_id: number;
  quantity: number;
  product_id: number;
}

const ANSWERS: Readonly<Record<string, () => Promise<unknown>>> = {
  list: async () => ({
    customers: await ask(
      'list',
      `SELECT id, name, email, city, balance FROM customers WHERE country = $1 ORDER BY name, id LIMIT 50`,
      ['Chile'],
    ),
  }),
  nested: async () => {
    const customers = await ask<{ id: number; name: string }>(
      'customers',
      'SELECT id, name FROM customers WHERE country = $1 ORDER BY name, id LIMIT 10',
      ['Chile'],
    );
    const orders = await ask<Order>(
      'orders',
      `SELECT o.* FROM unnest($1::int[]) AS c (id) CROSS JOIN LATERAL (
         SELECT id, customer_id, status, placed_at FROM orders WHERE customer_id = c.id ORDER BY id LIMIT 5) AS o`,
      [customers.map(({ id }) => id)],
    );
    const lines = await ask<Line>(
      'lines',
      `SELECT l.* FROM unnest($1::int[]) AS o (id) CROSS JOIN LATERAL (
         SELECT order_id, quantity, product_id FROM order_lines WHERE order_id = o.id ORDER BY id LIMIT 5) AS l`,
      [orders.map(({ id }) => id)],
    );
    const products = new Map(
      (
        await ask<{ id: number; name: string; price: string }>(
          'products',
          'SELECT id, name, price FROM products WHERE id = ANY ($1::int[])',
          [[...new Set(lines.map(({ product_id: id }) => id))]],
        )
      ).map((product) => [product.id, product]),
    );
    const byOrder = grouped(lines, (line) => line.order_id);
    const byCustomer = grouped(orders, (order) => order.customer_id);
    return {
      customers: customers.map(({ id, name }) => ({
        name,
        orders: (byCustomer.get(id) ?? []).map((order) => ({
          id: order.id,
          status: order.status,
          placedAt: order.placed_at,
          lines: (byOrder.get(order.id) ?? []).map(({ quantity, product_id: product }) => {
            const { name: title, price } = products.get(product)!;
            return { quantity, product: { name: title, price } };
          }),
        })),
      })),
    };
  },
  aggregate: async () => ({
    groups: await ask('aggregate', 'SELECT status, count(*)::int, sum(total) FROM orders GROUP BY status', []),
  }),
};

function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => number): Map<number, Row[]> {
  const groups = new Map<number, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

const server = createServer((request, response) => {
  void (async () => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]).toString();
    const { query } = JSON.parse(body) as { query: string };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ data: await ANSWERS[query]!() }));
  })();
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
