/**
 * The pages of examples/, for development mode: whole files, from this server alone, under a policy that runs nothing
 * else.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Handler } from './exchange.ts';

interface Page {
  html: string;
  policy: string;
}

/**
 * Serves each page at its path. A page carries its script and style in itself; the policy admits exactly these by their
 * digests (Content Security Policy 3), and connections to this server.
 * @param pages file by path, such as `{ '/examples/run-viewer': new URL('…/index.html', import.meta.url) }`; read at
 *   the first request
 */
export function examplePages(pages: Readonly<Record<string, URL>>): Handler {
  const loaded = new Map<string, Promise<Page>>();
  return async ({ request, response, path }) => {
    const file = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (file === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
    let page = loaded.get(path);
    if (page === undefined) {
      page = readFile(file, 'utf8').then((html) => ({ html, policy: policyOf(html) }));
      loaded.set(path, page);
      page.catch(() => loaded.delete(path));
    }
    const { html, policy } = await page;
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(html),
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    response.end(request.method === 'HEAD' ? undefined : html);
    return true;
  };
}

function policyOf(html: string): string {
  const digests = (element: string): string =>
    [...html.matchAll(new RegExp(`<${element}>([\\s\\S]*?)</${element}>`, 'g'))]
      .map(([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`)
      .join(' ') || "'none'";
  return [
    "default-src 'none'",
    `script-src ${digests('script')}`,
    `style-src ${digests('style')}`,
    'img-src data:',
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}
