/** The origin of a server that listens at `host`, such as `http://[::1]:4000`: an IPv6 address stands in brackets. */
export const originOf = (host: string, port: number, scheme: 'http' | 'https' = 'http'): string =>
  `${scheme}://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
