/** Pages that people find at a server of ours: GraphiQL's tabs, and in development mode the example pages. */

/** Where GraphiQL's tabs are. */
export const GRAPHIQL_TABS = new URL('../../examples/graphiql/', import.meta.url);

/** Where the run viewer is, in development mode. */
export const RUN_VIEWER_PATH = '/examples/run-viewer';

export const EXAMPLE_PAGES: Readonly<Record<string, URL>> = {
  [RUN_VIEWER_PATH]: new URL('../../examples/run-viewer/index.html', import.meta.url),
};
