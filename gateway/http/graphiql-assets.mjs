// A worker thread that takes GraphiQL out of its package. The package holds it as 9 MB of text; in a thread that ends,
// the text ends with it. Answers with what a browser needs, compressed.
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { parentPort } from 'node:worker_threads';
import { gzip } from 'node:zlib';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';

const OPTIONS = '"@options@"';
const page = renderGraphiQL({ title: JSON.parse(OPTIONS) });

/** The text between two marks. */
function between(start, end) {
  const from = page.indexOf(start) + start.length;
  const to = page.lastIndexOf(end);
  if (from < start.length || to < from) throw new Error(`GraphiQL's page has no ${start}.`);
  return page.slice(from, to);
}

/** Replaces what is there exactly once. */
function replaced(text, pattern, by, what) {
  const found = text.match(new RegExp(pattern, 'g')) ?? [];
  if (found.length !== 1) throw new Error(`GraphiQL's script has ${found.length} of ${what}.`);
  return text.replace(pattern, by);
}

// The page calls its own renderer with options written inline. A script with a policy against inline scripts reads them
// from the page.
const call = `{"title":${OPTIONS}}`;
let script = between('<script>', '</script>');
if (!script.includes(call)) throw new Error("GraphiQL's page does not call its renderer as expected.");
script = script.replace(call, () => 'graphiqlOptions()');
// The package has GraphiQL's history, and does not show it; and it takes neither plugins nor what stands around its fetcher.
const [, history] = /[,;{}\s]([\w$]+)=\{title:"History",icon:/.exec(script) ?? [];
if (history === undefined) throw new Error("GraphiQL's script has no history.");
script = replaced(
  script,
  /plugins:\[([\w$]+)\],schemaDescription/,
  (_, explorer) => `plugins:[${history},${explorer},...graphiqlPlugins()],schemaDescription`,
  'its list of plugins',
);
script = replaced(
  script,
  /fetcher:([\w$]+),children:/,
  (_, fetcher) => `fetcher:graphiqlFetcher(${fetcher}),children:`,
  'the place of its fetcher',
);
script = replaced(
  script,
  /("All Schema Types";.{1,300}?Object\.values\([\w$]+\))\.map\(/,
  (_, types) => `${types}.sort((one,other)=>one.name<other.name?-1:1).map(`,
  'its list of types',
);
// Its schemas have defaults as graphql 17 does (`default`), and its documentation reads them where graphql 16 had them.
script = replaced(
  script,
  /if\(!\("defaultValue"in ([\w$]+)\)\|\|\1\.defaultValue===void 0\)return null;/,
  (_, field) => `if(${field}.default!==void 0)return graphiqlDefault(${field}.default);return null;`,
  'the place of default values',
);
const prelude = await readFile(new URL('./graphiql-page.browser.js', import.meta.url), 'utf8');
const assets = { script: prelude + script, style: between('<style>', '</style>') };

const compress = promisify(gzip);
parentPort.postMessage({
  script: await compress(assets.script, { level: 6 }),
  style: await compress(assets.style, { level: 6 }),
});
