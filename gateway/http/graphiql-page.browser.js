// What this server's page has beside GraphiQL: the first tab's variables, a menu of examples, the events of a subscription as a list, and how long an
// answer took and how long it is. It comes before GraphiQL's own script, in the same file.
(() => {
  /** The most events of a subscription that are shown; older ones go. */
  const MOST_EVENTS = 200;

  /** What GraphiQL keeps between visits, without the headers of requests: they hold tokens. */
  const storage = {
    get length() {
      return localStorage.length;
    },
    getItem: (key) => localStorage.getItem(key),
    setItem: (key, value) => localStorage.setItem(key, KEPT_REQUESTS.test(key) ? withoutHeaders(value) : value),
    removeItem: (key) => localStorage.removeItem(key),
    clear: () => localStorage.clear(),
  };
  const KEPT_REQUESTS = /:(queries|favorites)$/;
  const withoutHeaders = (text) =>
    JSON.stringify(JSON.parse(text, (key, value) => (key === 'headers' ? undefined : value)));

  window.graphiqlOptions = () => {
    const { examples, ...options } = JSON.parse(document.getElementById('graphiql-options').textContent);
    const address = new URL(location.href);
    const linked = address.searchParams.get('variables');
    if (linked !== null) {
      // Read once: GraphiQL changes the query in the address when it is edited, and not its variables.
      address.searchParams.delete('variables');
      history.replaceState({}, '', address);
    }
    const [first] = options.defaultTabs;
    // GraphiQL opens an empty tab where it is given none, and its history fails on a list of none.
    if (first === undefined) delete options.defaultTabs;
    const isRestored = localStorage.getItem('graphiql:tabState') !== null;
    const shown = address.searchParams.has('query')
      ? { variables: linked ?? '{}' }
      : isRestored || first === undefined
        ? {}
        : // GraphiQL shows the query of the first default tab, but not its variables.
          { query: first.query, variables: first.variables };
    menu = examples;
    return { ...options, ...shown, storage };
  };

  /** Examples by topic; set when GraphiQL asks for its options. */
  let menu = [];

  window.graphiqlPlugins = () => (menu.length === 0 ? [] : [(examplesPlugin ??= pluginOf(menu))]);
  let examplesPlugin;

  /** A plugin as GraphiQL takes it: its button is in the column at the left. */
  function pluginOf(topics) {
    const element = (...given) => window.React.createElement(...given);
    const icon = () =>
      element(
        'svg',
        { viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor', strokeWidth: 1.5 },
        element('path', { d: 'M4 5h3M4 12h3M4 19h3M10 5h10M10 12h10M10 19h10' }),
      );
    const link = ({ name, about, query, variables }) =>
      element(
        'li',
        { key: name, style: { margin: '6px 0' } },
        element('a', { href: `${location.pathname}?${new URLSearchParams({ query, variables })}`, title: about }, name),
        about === '' ? null : element('div', { style: { opacity: 0.7, fontSize: '0.9em' } }, about),
      );
    const content = () =>
      element(
        'div',
        { id: 'examples', style: { overflow: 'auto' } },
        element('div', { className: 'graphiql-doc-explorer-title' }, 'Examples'),
        element('p', null, 'Each opens in a tab of its own. Press play to run it.'),
        topics.map(({ topic, examples }) =>
          element(
            'section',
            { key: topic },
            element('h3', { style: { margin: '16px 0 4px' } }, topic),
            element('ul', { style: { listStyle: 'none', margin: 0, padding: 0 } }, examples.map(link)),
          ),
        ),
      );
    return { title: 'Examples', icon, content };
  }

  // GraphiQL asks for the schema again whenever it is given another fetcher.
  const fetchers = new WeakMap();
  window.graphiqlFetcher = (fetcher) => {
    if (!fetchers.has(fetcher)) fetchers.set(fetcher, watched(fetcher));
    return fetchers.get(fetcher);
  };

  /** The same fetcher; of what people ask it is told how long the answer took, and how long it is. */
  function watched(fetcher) {
    return async (parameters, given) => {
      if (parameters.operationName === 'IntrospectionQuery') return await fetcher(parameters, given);
      const began = performance.now();
      tell('');
      const result = await fetcher(parameters, given);
      if (result?.[Symbol.asyncIterator] === undefined) {
        tell(`${since(began)}, ${sizeOf(result)}`);
        return result;
      }
      return typeOf(parameters, given) === 'subscription' ? eventsOf(result, began) : partsOf(result, began);
    };
  }

  const typeOf = ({ operationName }, given) =>
    (given?.documentAST?.definitions ?? []).find(
      ({ kind, name }) => kind === 'OperationDefinition' && (!operationName || name?.value === operationName),
    )?.operation;

  /** A subscription's payloads as one answer that grows: the latest first. */
  function eventsOf(source, began) {
    let received = 0;
    let events = [];
    return mapped(source, (payload) => {
      received++;
      events = [{ after: since(began), ...payload }, ...events].slice(0, MOST_EVENTS);
      tell(`${received} ${received === 1 ? 'event' : 'events'}, the last after ${since(began)}, ${sizeOf(payload)}`);
      return { received, events };
    });
  }

  function partsOf(source, began) {
    let bytes = 0;
    return mapped(source, (part) => {
      bytes += bytesOf(part);
      tell(`${since(began)}, ${readable(bytes)}`);
      return part;
    });
  }

  /** An iterator that is left at once when GraphiQL leaves it, also while it waits. */
  function mapped(source, map) {
    const inner = source[Symbol.asyncIterator]();
    const outer = {
      async next() {
        const { done, value } = await inner.next();
        return done ? { done, value: undefined } : { done: false, value: map(value) };
      },
      return: async () => (await inner.return?.()) ?? { done: true, value: undefined },
      [Symbol.asyncIterator]: () => outer,
    };
    return outer;
  }

  const since = (began) => {
    const ms = performance.now() - began;
    return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
  };
  const bytesOf = (answer) => new TextEncoder().encode(JSON.stringify(answer)).length;
  const readable = (bytes) => (bytes < 1_000 ? `${bytes} bytes` : `${(bytes / 1_000).toFixed(1)} kB`);
  const sizeOf = (answer) => readable(bytesOf(answer));

  function tell(text) {
    const place = document.querySelector('.graphiql-response');
    let told = document.getElementById('answer');
    if (told === null || told.parentElement !== place) {
      told?.remove();
      told = Object.assign(document.createElement('div'), { id: 'answer', role: 'status' });
      place?.append(told);
    }
    told.textContent = text;
  }

  // Where there are more tabs than fit, GraphiQL moves a tab from under the pointer between press and release, so that no
  // click comes of it: the press has to do.
  document.addEventListener(
    'pointerdown',
    (event) => {
      const tab =
        event.button === 0 && event.target instanceof Element ? event.target.closest('.graphiql-tab-button') : null;
      if (tab === null) return;
      event.stopPropagation();
      tab.click();
    },
    true,
  );
})();
