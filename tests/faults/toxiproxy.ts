/**
 * Toxiproxy (https://github.com/Shopify/toxiproxy) through its HTTP interface: a proxy before a store, and what befalls
 * it.
 */

/** What befalls what a store sends, by Toxiproxy's names. */
export type Toxic =
  | { type: 'latency'; attributes: { latency: number; jitter?: number } }
  /** Closes the connection after so many bytes. */
  | { type: 'limit_data'; attributes: { bytes: number } };

export interface Proxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Refuses connections and cuts those that are open, until {@link up}. */
  down(): Promise<void>;
  /** @param upstream where the store is now, when it has moved */
  up(upstream?: string): Promise<void>;
  poison(toxic: Toxic): Promise<void>;
  /** Takes all toxics away. */
  cure(): Promise<void>;
}

let proxies = 0;

/** @param upstream `host:port` */
export async function startProxy(api: string, upstream: string): Promise<Proxy> {
  const name = `proxy-${process.pid}-${proxies++}`;
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${api}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok)
      throw new Error(`Toxiproxy: ${method} ${path} answered ${response.status}: ${await response.text()}`);
    return response.status === 204 ? undefined : await response.json();
  };
  const { listen } = (await call('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream, enabled: true })) as {
    listen: string;
  };
  const own = `/proxies/${name}`;
  const toxics: string[] = [];
  return {
    host: '127.0.0.1',
    port: Number(listen.split(':').at(-1)),
    down: async () => void (await call('POST', own, { enabled: false })),
    up: async (moved) =>
      void (await call('POST', own, { enabled: true, listen, ...(moved === undefined ? {} : { upstream: moved }) })),
    poison: async (toxic) => {
      const { name: made } = (await call('POST', `${own}/toxics`, { ...toxic, stream: 'downstream' })) as {
        name: string;
      };
      toxics.push(made);
    },
    cure: async () => {
      for (const toxic of toxics.splice(0)) await call('DELETE', `${own}/toxics/${toxic}`);
    },
    [Symbol.asyncDispose]: async () => void (await call('DELETE', own)),
  };
}
