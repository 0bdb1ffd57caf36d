/** By which address a client counts. */
import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';

/** A request, for what its connection and proxies in front tell of where it comes from. */
export type Arriving = Pick<IncomingMessage, 'headers'> & {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>;
};

/**
 * The address of the connection or, where that is a trusted proxy's, the last one of `X-Forwarded-For` that is not: each proxy
 * adds behind what it was sent the address that it was sent it from, so whatever stands before is the client's own word. IPv6
 * counts by its /64, of which whoever has one address has all (RFC 6177).
 * @returns '' for a connection that is closed already
 */
export function clientAddress(
  { headers, socket }: Arriving,
  isTrusted: (address: string | undefined) => boolean,
): string {
  let address = socket.remoteAddress;
  if (address === undefined) return '';
  const forwarded = headers['x-forwarded-for'];
  if (forwarded !== undefined && isTrusted(address)) {
    const hops = String(forwarded).split(',');
    while (hops.length > 0 && isTrusted(address)) {
      const hop = bareAddress(hops.pop()!);
      // What is no address was written by nobody whom the proxy knows.
      if (hop === undefined) break;
      address = hop;
    }
  }
  return networkOf(address);
}

/** Of `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` and `[2001:db8::1]:5678`. */
function bareAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const [, bracketed, withPort] =
    /^\[([0-9a-f:.]+)\](?::\d{1,5})?$|^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/i.exec(trimmed) ?? [];
  const address = bracketed ?? withPort ?? trimmed;
  return isIP(address) === 0 ? undefined : address;
}

/** The /64 of an IPv6 address, in one spelling; IPv4, also within IPv6, as it is. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const plain = address.split('%')[0]!.toLowerCase();
  const groups = groupsOf(plain);
  // IPv4 in an IPv6 socket (RFC 4291, section 2.5.5.2).
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return [groups[6]! >> 8, groups[6]! & 0xff, groups[7]! >> 8, groups[7]! & 0xff].join('.');
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  // An IPv4 address at the end is two groups.
  const hexadecimal = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a: string, b: string, c: string, d: string) =>
    [(Number(a) << 8) | Number(b), (Number(c) << 8) | Number(d)].map((group) => group.toString(16)).join(':'),
  );
  const [head = '', tail] = hexadecimal.split('::');
  const read = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const [first, last] = [read(head), read(tail ?? '')];
  return tail === undefined ? first : [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}
