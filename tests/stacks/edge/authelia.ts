/**
 * What stands in for Authelia: its two endpoints that proxies ask (`/api/authz/forward-auth` and `/api/authz/auth-request`,
 * https://www.authelia.com/reference/guides/proxy-authorization/), with sessions that are the user's name.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What was asked about. */
export interface AskedAbout {
  readonly url: string;
  readonly method: string;
  readonly client: string;
}

export interface Authelia extends AsyncDisposable {
  readonly port: number;
  readonly asked: AskedAbout[];
}

/** Who has an account, and their groups. `mallory` has, and may come in nowhere. */
const GROUPS: Readonly<Record<string, string | undefined>> = { alice: 'tenant-acme,admins', mallory: 'tenant-evil' };

/** The cookie of whoever has signed in as `user`. */
export const session = (user: string): Record<string, string> => ({ cookie: `authelia_session=${user}` });

export async function startAuthelia(): Promise<Authelia> {
  const asked: AskedAbout[] = [];
  const server = createServer((request, response) => {
    const about = aboutOf(request.url ?? '', request.headers);
    if (about === undefined) return void response.writeHead(400).end();
    asked.push(about);
    const user = /(?:^|; ?)authelia_session=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
    const groups = GROUPS[user];
    if (groups === undefined) {
      const location = `https://auth.example.com/?rd=${encodeURIComponent(about.url)}`;
      const page = (request.headers.accept ?? '').includes('text/html') && request.url!.endsWith('/forward-auth');
      return void response.writeHead(page ? 302 : 401, { location }).end();
    }
    if (user === 'mallory') return void response.writeHead(403).end();
    response
      .writeHead(200, { 'remote-user': user, 'remote-groups': groups, 'remote-email': `${user}@example.com` })
      .end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Of headers that are not as Authelia wants them, nothing: it answers such with 400. */
function aboutOf(path: string, headers: IncomingHttpHeaders): AskedAbout | undefined {
  const one = (name: string): string => String(headers[name] ?? '');
  const client = one('x-forwarded-for');
  const [url, method] =
    path === '/api/authz/auth-request'
      ? [one('x-original-url'), one('x-original-method')]
      : path === '/api/authz/forward-auth'
        ? [
            `${one('x-forwarded-proto')}://${one('x-forwarded-host')}${one('x-forwarded-uri')}`,
            one('x-forwarded-method'),
          ]
        : ['', ''];
  return URL.canParse(url) && /^[A-Z]+$/.test(method) && client !== '' ? { url, method, client } : undefined;
}
