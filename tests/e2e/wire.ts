/** A TCP connection between two programs that a test can break. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Wire extends AsyncDisposable {
  /** Where clients connect; stays the same when the target moves. */
  readonly port: number;
  /** The port of this machine that connections are passed on to. */
  target: number;
  /** How many clients are connected. */
  readonly connections: number;
  /** Breaks all connections, as a network does: without a goodbye. @returns how many */
  snap(): number;
  /** Breaks all connections and refuses new ones until {@link mend}. */
  cut(): void;
  mend(): void;
}

/** Starts to pass connections on, from a port that was free. */
export async function wireTo(target: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  let whole = true;
  const server = createServer((client) => {
    if (!whole) return void client.destroy();
    clients.add(client.once('close', () => clients.delete(client)));
    const onward = connect(wire.target, '127.0.0.1');
    for (const [one, other] of [
      [client, onward],
      [onward, client],
    ] as const) {
      one.setNoDelay(true);
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const snap = (): number => {
    const broken = sockets.size / 2;
    for (const socket of sockets) socket.resetAndDestroy();
    return broken;
  };
  const wire: Wire = {
    port: (server.address() as AddressInfo).port,
    target,
    get connections() {
      // One that could not be reset is destroyed, and is never told as closed.
      return [...clients].filter(({ destroyed }) => !destroyed).length;
    },
    snap,
    cut: () => {
      whole = false;
      snap();
    },
    mend: () => void (whole = true),
    [Symbol.asyncDispose]: async () => {
      snap();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return wire;
}
