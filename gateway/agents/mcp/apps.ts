/**
 * MCP Apps (https://github.com/modelcontextprotocol/ext-apps, revision 2026-01-26): hosts that know them show a run by a view of ours, which asks
 * by the host for its events. Others show the tools' answers as ever.
 */
import { readFile } from 'node:fs/promises';
import type { McpServer } from '@modelcontextprotocol/server';

const VIEW = 'ui://tributary/run';
const MIME_TYPE = 'text/html;profile=mcp-app';

/** Tools whose answers a view shows: the run that one starts, and the events that the other reads. */
const SHOWN: ReadonlySet<string> = new Set(['start_run', 'run_events']);
/** By which the view reads. */
const READS = 'run_events';

/** The view loads nothing and connects to nobody. */
const META = { ui: { csp: { connectDomains: [], resourceDomains: [] }, prefersBorder: true } };

let loaded: Promise<string> | undefined;

/** What hosts are told of a tool (`_meta`): which view shows what it answers. @param names those of all tools that there are */
export const viewOf = (name: string, names: ReadonlySet<string>): Record<string, unknown> | undefined =>
  SHOWN.has(name) && names.has(READS) ? { ui: { resourceUri: VIEW } } : undefined;

/** The view as a resource, where there is what it reads by. @param names those of all tools that there are */
export function addViews(server: McpServer, names: ReadonlySet<string>): void {
  if (!names.has(READS)) return;
  server.registerResource(
    'run view',
    VIEW,
    { title: 'Run', description: 'Shows a run and its events as they come.', mimeType: MIME_TYPE, _meta: META },
    async () => {
      loaded ??= readFile(new URL('./run-view.html', import.meta.url), 'utf8');
      return { contents: [{ uri: VIEW, mimeType: MIME_TYPE, text: await loaded, _meta: META }] };
    },
  );
}
