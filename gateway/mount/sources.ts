/** The operator's own stores (`SOURCES`) as subgraphs of the supergraph. Nothing of them is loaded where there is no such file. */
import { join, relative } from 'node:path';
import type { Config } from '#gateway/config/config.ts';
import type { AdditionalSubgraphs, MadeEntry } from '#gateway/supergraph/manager.ts';
import { LOCAL, SupergraphError } from '#gateway/supergraph/supergraph-file.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import { CodedError, messageWithHint } from '#subgraphs/shared/errors.ts';
import type { AuditSink, Embedder } from '#subgraphs/shared/ports.ts';
import type { StoreHealth } from '#subgraphs/shared/subgraph.ts';

export interface MountedSources {
  /** As the file has them now. @throws SupergraphError for what is wrong with it */
  load(): Promise<AdditionalSubgraphs>;
  health(): Promise<StoreHealth[]>;
  close(): Promise<void>;
}

/** @param ports what subgraphs provide, which may not be there yet: the audit log, and what makes vectors of texts */
export async function mountSources(
  config: Config,
  log: Logger,
  ports: () => { readonly auditSink?: AuditSink | undefined; readonly embedder?: Embedder | undefined },
): Promise<MountedSources | undefined> {
  const { sources: file } = config.stores;
  if (file === undefined) return undefined;
  const { Sources } = await import('#subgraphs/sources/index.ts');
  const sources = new Sources(
    {
      ...config.bounds.sources,
      file,
      cacheFolder: join(config.dataDir, 'cache', 'sources'),
      valueOf: config.current.sourceUrl,
    },
    {
      log: (message, error) => log.warn({ subgraph: 'sources', err: error }, message),
      embedder: () => ports().embedder,
      audit: async (context, rows) => await ports().auditSink?.changed(context, rows),
    },
  );
  const origin = relative(process.cwd(), file) || file;
  return {
    async load() {
      try {
        const { subgraphs, unavailable, leftOut } = await sources.load();
        return {
          entries: subgraphs.map(({ name, revision, schema, typeDefs }): MadeEntry => ({
            name,
            // What is not in the schema, such as whose rows they are, makes another supergraph all the same.
            routingUrl: `${LOCAL}//${name}/${revision}`,
            schema: { sdl: typeDefs, origin, executable: schema, rename: renameIn(name) },
          })),
          unavailable: unavailable.map(({ name, reason, fetchedAt }) => ({ subgraph: name, reason, fetchedAt })),
          leftOut: leftOut.map(({ sources: names, reason }) => ({ subgraph: names.join(', '), reason })),
          files: [file],
        };
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        throw new SupergraphError(messageWithHint(error), { cause: error });
      }
    },
    health: () => sources.health(),
    close: () => sources.close(),
  };
}

const renameIn = (source: string): MadeEntry['schema']['rename'] => ({
  field: `Say another \`list\` or \`item\` of its table, or a \`prefix\` for the source ${source}.`,
  type: () => `Say another \`name\` of its table, or a \`prefix\` for the source ${source}.`,
  added: `Say another \`name\` or \`back\` of the link that leads to ${source}.`,
});
