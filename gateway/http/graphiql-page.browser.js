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

  const TAB_STATE = 'graphiql:tabState';

  /**
   * GraphiQL's options. The tab that is shown is named to GraphiQL by its query and its variables: it opens an empty one, each time,
   * where it is told nothing, and writes what is linked over the first tab where it keeps none.
   */
  window.graphiqlOptions = () => {
    const { examples, ...options } = JSON.parse(document.getElementById('graphiql-options').textContent);
    const address = new URL(location.href);
    const link = { query: address.searchParams.get('query'), variables: address.searchParams.get('variables') };
    if (link.variables !== null) {
      // Read once: GraphiQL changes the query in the address when it is edited, and not its variables.
      address.searchParams.delete('variables');
      history.replaceState({}, '', address);
    }
    // GraphiQL opens an empty tab where it is given none, and its history fails on a list of none.
    if (options.defaultTabs.length === 0) delete options.defaultTabs;
    menu = examples;
    const state = keptTabs() ?? { tabs: (options.defaultTabs ?? []).map(tabOf), activeTabIndex: 0 };
    if (link.query !== null) state.activeTabIndex = placeOf(link, state);
    const shown = state.tabs[state.activeTabIndex];
    if (shown === undefined) return { ...options, storage };
    localStorage.setItem(TAB_STATE, JSON.stringify(state));
    return { ...options, query: shown.query ?? '', variables: shown.variables ?? '', storage };
  };

  /** The tabs of the last visit; undefined where there are none. */
  function keptTabs() {
    try {
      const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem(TAB_STATE));
      return tabs.length === 0
        ? undefined
        : { tabs, activeTabIndex: Math.min(Math.max(activeTabIndex, 0), tabs.length - 1) };
    } catch {
      return undefined;
    }
  }

  /** Where the tab is that has what is linked: one that is there already, the one of the last visit first, or one that is added. */
  function placeOf({ query, variables }, { tabs, activeTabIndex }) {
    const isIt = (tab) => tab?.query === query && (variables === null || tab.variables === variables);
    if (isIt(tabs[activeTabIndex])) return activeTabIndex;
    const found = tabs.findLastIndex(isIt);
    return found === -1 ? tabs.push(tabOf({ query, variables: variables ?? '{}' })) - 1 : found;
  }

  /** A tab as GraphiQL keeps it, called as GraphiQL would: after its first operation that has a name. */
  function tabOf({ query, variables }) {
    const operationName = /^(?!#).*(?:query|subscription|mutation)\s+(\w+)/m.exec(query)?.[1] ?? null;
    const title = operationName ?? '<untitled>';
    return {
      id: crypto.getRandomValues(new Uint32Array(4)).join('-'),
      title,
      query,
      variables,
      headers: null,
      operationName,
      response: null,
    };
  }

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
    const link = ({ name, about, operation, query, variables }) =>
      element(
        'li',
        { key: name, style: { margin: '6px 0' } },
        element('a', { href: `${location.pathname}?${new URLSearchParams({ query, variables })}`, title: about }, name),
        operation === 'query' ? null : element('span', { className: `operation ${operation}` }, operation),
        about === '' ? null : element('div', { style: { opacity: 0.7, fontSize: '0.9em' } }, about),
      );
    const content = () =>
      element(
        'div',
        { id: 'examples', style: { overflow: 'auto' } },
        element('div', { className: 'graphiql-doc-explorer-title' }, 'Examples'),
        element(
          'p',
          null,
          'Each opens in a tab of its own; press play to run it. A mutation changes what is stored. Where a variable says “paste an id”, give it one first.',
        ),
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

  /** A default value in the documentation, as the schema writes it. */
  window.graphiqlDefault = ({ literal }) => [
    ' = ',
    window.React.createElement(
      'span',
      { key: 'default', className: 'graphiql-doc-explorer-default-value' },
      literal.loc.source.body.slice(literal.loc.start, literal.loc.end),
    ),
  ];

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
      if (parameters.query.replace(/#.*/g, '').trim() === '')
        return {
          errors: [{ message: 'There is nothing to run here: write an operation, or choose one of the examples.' }],
        };
      const began = performance.now();
      tell('');
      const operation = typeOf(parameters, given);
      if (operation !== 'subscription' && !/@(defer|stream)\b/.test(parameters.query)) {
        const result = await asWritten(parameters, given);
        tell(`${since(began)}, ${sizeOf(result)}`);
        return result;
      }
      const result = await Promise.resolve(fetcher(parameters, given)).catch(withoutStack);
      return operation === 'subscription' ? eventsOf(result, began) : partsOf(result, began);
    };
  }

  /**
   * The answer to what is in the editor, as it is written there: GraphiQL's own way prints it anew before it is sent, and leaves the
   * places of errors out.
   */
  async function asWritten({ query, variables, operationName }, given) {
    const { endpoint } = JSON.parse(document.getElementById('graphiql-options').textContent);
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json, application/json',
        'content-type': 'application/json',
        ...given?.headers,
      },
      body: JSON.stringify({ query, variables, operationName: operationName ?? undefined }),
    }).catch(withoutStack);
    const text = await response.text().catch(withoutStack);
    try {
      return JSON.parse(text);
    } catch {
      return { errors: [{ message: `The answer is no JSON (HTTP ${response.status}): ${text.slice(0, 200)}` }] };
    }
  }

  /** GraphiQL shows all of an error, and where in its script it came about helps nobody. @throws always */
  function withoutStack(error) {
    if (error instanceof Error) error.stack = undefined;
    throw error;
  }

  const typeOf = ({ operationName }, given) =>
    (given?.documentAST?.definitions ?? []).find(
      ({ kind, name }) => kind === 'OperationDefinition' && (!operationName || name?.value === operationName),
    )?.operation;

  /** A subscription's payloads as one answer that grows: the latest first. */
  function eventsOf(source, began) {
    let received = 0;
    let bytes = 0;
    let events = [];
    return mapped(source, (payload) => {
      received++;
      bytes += bytesOf(payload);
      events = [{ arrived: since(began), ...payload }, ...events].slice(0, MOST_EVENTS);
      tell(
        `${received} ${received === 1 ? 'event' : 'events'}, the last after ${since(began)}, ${readable(bytes)} in all`,
      );
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
        const { done, value } = await inner.next().catch(withoutStack);
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
