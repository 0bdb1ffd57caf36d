/**
 * GraphiQL for browsers, complete and from this server alone: a page under a strict policy, one script, one style
 * sheet.
 */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { Worker } from 'node:worker_threads';
import type { Exchange, Handler } from './exchange.ts';
import { readTabs, type TabsApi } from './graphiql-tabs.ts';

const ASSET = /^\/graphiql\/([0-9a-f]{16})\.(js|css)$/;

/** Monaco runs its language services in workers made from blobs, and styles its editor inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  'worker-src blob:',
  "connect-src 'self' ws: wss:",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

interface Assets {
  script: Buffer;
  style: Buffer;
  scriptPath: string;
  stylePath: string;
}

/**
 * Answers browsers at `GET /graphql`, and the page's script and style.
 * @param folder the tabs, as graphiql-tabs.ts reads them; without, one that is empty
 */
export function graphiql(folder: URL | undefined, api: TabsApi): Handler {
  let assets: Promise<Assets> | undefined;
  const load = (): Promise<Assets> =>
    (assets ??= loadAssets().catch((error: unknown) => {
      assets = undefined;
      throw error;
    }));
  let tabs: ReturnType<typeof readTabs> | undefined;

  return async (exchange) => {
    const { request, path } = exchange;
    if (request.method !== 'GET') return false;
    if (path === '/') {
      exchange.response.writeHead(302, { location: '/graphql' }).end();
      return true;
    }
    const asset = ASSET.exec(path);
    if (asset !== null) {
      const { script, style, scriptPath, stylePath } = await load();
      if (path === scriptPath) sendAsset(exchange, 'text/javascript; charset=utf-8', script);
      else if (path === stylePath) sendAsset(exchange, 'text/css; charset=utf-8', style);
      else return false;
      return true;
    }
    if (path !== '/graphql' || !wantsPage(exchange)) return false;
    const { scriptPath, stylePath } = await load();
    const defaultTabs = folder === undefined ? [] : await (await (tabs ??= readTabs(folder)))(api);
    sendPage(
      exchange,
      pageOf({
        scriptPath,
        stylePath,
        options: {
          title: 'Tributary',
          endpoint: '/graphql',
          defaultTabs,
          headers: '{}',
          ...EDITOR,
        },
      }),
    );
    return true;
  };
}

const EDITOR = {
  subscriptionsProtocol: 'WS',
  shouldPersistHeaders: false,
  defaultEditorToolsVisibility: 'variables',
  schemaDescription: true,
  inputValueDeprecation: true,
};

/** Browsers that navigate ask for HTML first; programs do not. A link with a query in it opens the page too. */
function wantsPage({ request }: Exchange): boolean {
  const accept = request.headers.accept ?? '';
  const html = accept.indexOf('text/html');
  const json = accept.search(/application\/(graphql-response\+)?json/);
  return html !== -1 && (json === -1 || html < json);
}

function pageOf({
  scriptPath,
  stylePath,
  options,
}: {
  scriptPath: string;
  stylePath: string;
  options: unknown;
}): string {
  // Inside a script element only `</` and `<!--` could end or confuse it.
  const json = JSON.stringify(options).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Tributary</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="${stylePath}" />
    <style>html, body, #root { height: 100%; margin: 0 }</style>
  </head>
  <body class="no-focus-outline">
    <noscript>GraphiQL needs JavaScript.</noscript>
    <div id="root"></div>
    <script type="application/json" id="graphiql-options">${json}</script>
    <script src="${scriptPath}"></script>
  </body>
</html>
`;
}

function sendPage({ response }: Exchange, html: string): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(html),
    'content-security-policy': POLICY,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  });
  response.end(html);
}

function sendAsset({ request, response }: Exchange, type: string, compressed: Buffer): void {
  const zipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const body = zipped ? compressed : gunzipSync(compressed);
  response.writeHead(200, {
    'content-type': type,
    'content-length': body.length,
    ...(zipped ? { 'content-encoding': 'gzip' } : {}),
    // The path names the content.
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
    vary: 'Origin, Accept-Encoding',
  });
  response.end(body);
}

async function loadAssets(): Promise<Assets> {
  const { script, style } = await new Promise<{ script: Uint8Array; style: Uint8Array }>((resolve, reject) => {
    const worker = new Worker(new URL('./graphiql-assets.mjs', import.meta.url), { execArgv: [] });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('GraphiQL could not be prepared.')));
  });
  return {
    script: Buffer.from(script),
    style: Buffer.from(style),
    scriptPath: `/graphiql/${digest(script)}.js`,
    stylePath: `/graphiql/${digest(style)}.css`,
  };
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
