/**
 * GraphiQL for browsers, complete and from this server alone: a page under a strict policy, one script, one style
 * sheet.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Worker } from 'node:worker_threads';
import type { Exchange, Handler } from './exchange.ts';
import { signInMarkup, signInScript, tokenOrigin, type SignIn } from './graphiql-sign-in.ts';
import { readTabs, type TabsApi } from './graphiql-tabs.ts';

const ASSET = /^\/graphiql\/([0-9a-f]{16})\.(js|css)$/;

/** Monaco runs its language services in workers made from blobs, and styles its editor inline. */
const policyOf = (signIn: SignIn | undefined): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    'worker-src blob:',
    `connect-src 'self' ws: wss:${signIn === undefined ? '' : tokenOrigin(signIn)}`,
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');

/** Compressed, by path. */
interface Assets {
  readonly files: ReadonlyMap<string, { readonly type: string; readonly bytes: Buffer }>;
  readonly scriptPath: string;
  readonly stylePath: string;
  readonly signInPath: string;
}

/**
 * Answers browsers at `GET /graphql`, and the page's script and style.
 * @param folder the tabs, as graphiql-tabs.ts reads them; without, one that is empty
 * @param signIn how people sign in; gives undefined where they do not do it here
 */
export function graphiql(
  folder: URL | undefined,
  api: TabsApi,
  signIn: () => Promise<SignIn | undefined> = () => Promise.resolve(undefined),
): Handler {
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
    if (ASSET.test(path)) {
      const asset = (await load()).files.get(path);
      if (asset === undefined) return false;
      sendAsset(exchange, asset.type, asset.bytes);
      return true;
    }
    if (path !== '/graphql' || !wantsPage(exchange)) return false;
    const { scriptPath, stylePath, signInPath } = await load();
    const signing = await signIn();
    const { tabs: defaultTabs, examples } =
      folder === undefined ? { tabs: [], examples: [] } : await (await (tabs ??= readTabs(folder)))(api);
    sendPage(
      exchange,
      pageOf({
        scriptPath,
        stylePath,
        signIn: signing === undefined ? '' : signInMarkup(signInPath),
        options: {
          title: 'Tributary',
          endpoint: '/graphql',
          defaultTabs,
          examples,
          headers: '{}',
          ...EDITOR,
          // The token is given to what is fetched, which sockets are not.
          ...(signing === undefined ? {} : { signIn: signing, subscriptionsProtocol: 'SSE' }),
        },
      }),
      policyOf(signing),
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
  signIn,
  options,
}: {
  scriptPath: string;
  stylePath: string;
  /** What comes before GraphiQL's own script. */
  signIn: string;
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
    <style>
      html, body, #root { height: 100%; margin: 0; overflow: hidden }
      #answer { padding: 4px 16px; text-align: right; font: 13px sans-serif; color: hsl(219, 28%, 40%) }
      .graphiql-session-header { height: auto !important; min-height: var(--session-header-height) }
      .graphiql-tabs { flex-wrap: wrap; overflow: visible !important; row-gap: 4px }
      #examples .operation { margin-left: 8px; padding: 0 6px; border-radius: 4px; font-size: 0.8em; background: hsla(219, 28%, 32%, 0.12) }
      #examples .mutation { background: hsla(24, 90%, 50%, 0.25) }
    </style>
  </head>
  <body class="no-focus-outline">
    <noscript>GraphiQL needs JavaScript.</noscript>
    <div id="root"></div>
    <script type="application/json" id="graphiql-options">${json}</script>
    ${signIn}
    <script src="${scriptPath}"></script>
  </body>
</html>
`;
}

function sendPage({ response }: Exchange, html: string, policy: string): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(html),
    'content-security-policy': policy,
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
  const signIn = gzipSync(await signInScript());
  const [scriptPath, stylePath, signInPath] = [pathOf(script, 'js'), pathOf(style, 'css'), pathOf(signIn, 'js')];
  const type = 'text/javascript; charset=utf-8';
  return {
    files: new Map([
      [scriptPath, { type, bytes: Buffer.from(script) }],
      [stylePath, { type: 'text/css; charset=utf-8', bytes: Buffer.from(style) }],
      [signInPath, { type, bytes: signIn }],
    ]),
    scriptPath,
    stylePath,
    signInPath,
  };
}

const pathOf = (bytes: Uint8Array, ending: string): string => `/graphiql/${digest(bytes)}.${ending}`;

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
