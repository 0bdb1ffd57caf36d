/**
 * Where runs may be dispatched to. Tenants name the URLs, so that without bounds they could make this server ask
 * whatever it can reach: services of its own network, and the metadata service of its cloud (server-side request
 * forgery).
 */
import { BlockList, isIP } from 'node:net';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { RUNS } from '../bounds.ts';

/**
 * Refused wherever a name leads there, unless the address itself is listed: link-local, metadata, and what is no host.
 */
const NEVER = blockList(
  ['169.254.0.0', 16],
  ['fe80::', 10], // Link-local (RFC 3927, RFC 4291); 169.254.169.254 is most clouds' metadata service.
  ['100.100.100.200', 32],
  ['192.0.0.0', 24],
  ['fd00:ec2::254', 128], // Metadata services elsewhere.
  ['0.0.0.0', 8],
  ['::', 128],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['ff00::', 8], // This network, multicast, reserved.
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['2001::', 32], // IPv4 behind IPv6: NAT64 (RFC 6052, RFC 8215), 6to4, Teredo.
  ['::ffff:0:0:0', 96], // IPv4-translated (RFC 2765). What is mapped, `::ffff:a.b.c.d`, is looked up as its IPv4.
  ['100::', 64],
  ['2001:db8::', 32],
  ['192.0.2.0', 24],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24], // Discarded, or for documentation.
);
/** IPv4-compatible (RFC 4291, section 2.5.5.1), long out of use; this host's own `::1` is among them. */
const IPV4_COMPATIBLE = blockList(['::', 96]);
const THIS_HOST = blockList(['::1', 128]);

/** Refused where only a pattern covers the name: who lists a name says that its network is meant. */
const PRIVATE = blockList(
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
  ['100.64.0.0', 10],
  ['198.18.0.0', 15],
  ['::1', 128],
  ['fc00::', 7],
  ['fec0::', 10], // Site-local, deprecated.
);

function blockList(...subnets: readonly [address: string, prefix: number][]): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of subnets) list.addSubnet(address, prefix, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return list;
}

const isNever = (address: string): boolean =>
  isIn(NEVER, address) || (isIP(address) === 6 && isIn(IPV4_COMPATIBLE, address) && !isIn(THIS_HOST, address));

const isIn = (list: BlockList, address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

export interface WebhookPolicy {
  /**
   * Checks a URL that a tenant gives.
   * @throws CodedError `BAD_USER_INPUT`
   */
  check(url: string): URL;
  /**
   * Why a connection for `url` may not go to this address (of the URL itself, or what its name resolved to); undefined
   * where it may. For the operator: what names lead to is not for tenants to learn.
   */
  refusal(url: URL, address: string): string | undefined;
}

/**
 * @param allowedHosts `host`, `host:port`, `*.suffix`, or `*`; see DISPATCH_ALLOWED_HOSTS
 */
export function webhookPolicy(allowedHosts: readonly string[]): WebhookPolicy {
  const allowed = allowedHosts.map((host) => host.toLowerCase());
  const exact = new Set(allowed.filter((host) => !host.startsWith('*')));
  const suffixes = allowed.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  const listed = (url: URL): boolean =>
    exact.has(url.hostname) ||
    exact.has(url.host) ||
    exact.has(`${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`);
  const covered = (url: URL): boolean =>
    allowed.includes('*') || suffixes.some((suffix) => url.hostname.endsWith(suffix));

  const refusal = (url: URL, address: string): string | undefined => {
    if (isIP(address) === 0) return `${address} is no address.`;
    if (isNever(address) && !exact.has(address) && !exact.has(`[${address}]`))
      return `${address} is a link-local, metadata or otherwise special address.`;
    if (isIn(PRIVATE, address) && !listed(url)) return `${address} is a private address.`;
    return undefined;
  };
  return {
    refusal,
    check(text) {
      if (text.length > RUNS.webhookCharacters)
        throw badUserInput(
          `\`webhook\` is ${text.length} characters long; at most ${RUNS.webhookCharacters} are accepted.`,
        );
      if (!URL.canParse(text)) throw badUserInput('`webhook` is not a URL.');
      const url = new URL(text);
      if (url.protocol !== 'https:' && url.protocol !== 'http:')
        throw badUserInput('`webhook` must start with https:// or http://.');
      if (url.username !== '' || url.password !== '')
        throw badUserInput('`webhook` must not carry a user or password; dispatches are signed.');
      if (!listed(url) && !covered(url)) {
        throw badUserInput(`Runs may not be dispatched to ${url.host}.`, {
          hint: 'The operator adds hosts to DISPATCH_ALLOWED_HOSTS.',
        });
      }
      if (url.protocol === 'http:' && !listed(url))
        throw badUserInput('`webhook` must start with https://, unless its host is listed by name.');
      const literal = url.hostname.replace(/^\[|\]$/g, '');
      const refused = isIP(literal) === 0 ? undefined : refusal(url, literal);
      if (refused !== undefined) throw badUserInput(`Runs may not be dispatched to ${url.host}: ${refused}`);
      return url;
    },
  };
}
