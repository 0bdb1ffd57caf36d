import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';

const url = process.env['TEST_TOXIPROXY_URL'];

describe.skipIf(!url)('Toxiproxy (TEST_TOXIPROXY_URL)', () => {
  test('passes bytes on, until it is told to cut the connection', async () => {
    const upstream = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const created = await fetch(`${url}/proxies`, {
      method: 'POST',
      body: JSON.stringify({
        name: 'echo',
        listen: '127.0.0.1:0',
        upstream: `127.0.0.1:${(upstream.address() as AddressInfo).port}`,
        enabled: true,
      }),
    });
    expect(created.status).toBe(201);
    const { listen } = (await created.json()) as { listen: string };
    const socket = connect(Number(listen.split(':').at(-1)), '127.0.0.1');
    socket.write('hello');
    expect((await once(socket, 'data')).toString()).toBe('hello');
    // The connection may be cut before the answer has come.
    const closed = once(socket, 'close');
    const disabled = await fetch(`${url}/proxies/echo`, { method: 'POST', body: JSON.stringify({ enabled: false }) });
    expect(disabled.status).toBe(200);
    await closed;
    expect((await fetch(`${url}/proxies/echo`, { method: 'DELETE' })).status).toBe(204);
    upstream.close();
  });
});
