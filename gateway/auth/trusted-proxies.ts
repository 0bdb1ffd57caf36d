/** Proxies in front of the server whose word counts: by the address of the connection, not by anything that is sent. */
import { BlockList, isIP } from 'node:net';

export interface TrustedProxies {
  /** @param address of a connection's other end; undefined for none, such as a closed one's */
  trusts(address: string | undefined): boolean;
}

/** Names of ranges, as other software has them. */
const NAMED: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries<readonly string[]>({
    loopback: ['127.0.0.0/8', '::1/128'],
    linklocal: ['169.254.0.0/16', 'fe80::/10'],
    uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  }),
);

/**
 * What can stand in a list of proxies: an address, a range (`10.0.0.0/8`), or the name of ranges.
 * @returns undefined for anything else
 */
function rangesOf(item: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' }[] | undefined {
  const texts = NAMED.get(item) ?? [item];
  const ranges = texts.map((text) => {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const version = isIP(address);
    if (version === 0) return undefined;
    const most = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    return prefix > most
      ? undefined
      : { address, prefix, family: version === 4 ? ('ipv4' as const) : ('ipv6' as const) };
  });
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}

/** Whether it may stand in a list of trusted proxies. `0.0.0.0/0` and `::/0` may not: everybody would be one. */
export const isProxyRange = (item: string): boolean => rangesOf(item)?.every(({ prefix }) => prefix > 0) === true;

/** @param ranges each as {@link isProxyRange} has it */
export function trustedProxies(ranges: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const { address, prefix, family } of ranges.flatMap((range) => rangesOf(range) ?? []))
    list.addSubnet(address, prefix, family);
  return {
    // IPv4 in an IPv6 socket (`::ffff:10.0.0.1`) is found as the address that it is.
    trusts: (address) =>
      ranges.length > 0 && address !== undefined && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
  };
}
