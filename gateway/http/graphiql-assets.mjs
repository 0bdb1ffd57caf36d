// A worker thread that takes GraphiQL out of its package. The package holds it as 9 MB of text; in a thread that ends,
// the text ends with it. Answers with what a browser needs, compressed.
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

// The page calls its own renderer with options written inline. A script with a policy against inline scripts reads them
// from the page.
const call = `{"title":${OPTIONS}}`;
const script = between('<script>', '</script>');
if (!script.includes(call)) throw new Error("GraphiQL's page does not call its renderer as expected.");
const prelude = `
function graphiqlOptions() {
  const options = JSON.parse(document.getElementById('graphiql-options').textContent);
  const [first] = options.defaultTabs;
  const restored = localStorage.getItem('graphiql:tabState') !== null || new URL(location.href).searchParams.has('query');
  // GraphiQL shows the query of the first default tab, but not its variables.
  return restored ? options : { ...options, query: first.query, variables: first.variables };
}
// Where there are more tabs than fit, GraphiQL moves a tab from under the pointer between press and release, so that no
// click comes of it: the press has to do.
document.addEventListener('pointerdown', (event) => {
  const tab = event.button === 0 && event.target instanceof Element ? event.target.closest('.graphiql-tab-button') : null;
  if (tab === null) return;
  event.stopPropagation();
  tab.click();
}, true);
`;
const assets = {
  script: prelude + script.replace(call, () => 'graphiqlOptions()'),
  style: between('<style>', '</style>'),
};

const compress = promisify(gzip);
parentPort.postMessage({
  script: await compress(assets.script, { level: 6 }),
  style: await compress(assets.style, { level: 6 }),
});
