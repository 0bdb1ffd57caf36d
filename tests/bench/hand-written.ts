/**
 * `Research` as a program would write it by hand: the same stores, called directly with their clients, under row-level
 * security, in parallel where one step does not need another. What the federated query is measured against.
 */
import { createFilesDriver } from '#subgraphs/object/drivers/files/index.ts';
import type { ObjectInfo } from '#subgraphs/object/driver.ts';
import { UrlSigner } from '#subgraphs/object/links/signed-urls.ts';
import { StaticEmbedder } from '#subgraphs/inference/drivers/static/index.ts';
import { DEFAULT_BUILT_IN } from '#subgraphs/shared/built-in-models.ts';
import { createRequestContext, type Principal, type RequestContext } from '#subgraphs/shared/context.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { PostgresVectors } from '#subgraphs/vector/drivers/postgres/index.ts';
import { fuse } from '#subgraphs/vector/search/fusion.ts';
import { VECTOR } from '#subgraphs/vector/bounds.ts';

export interface HandWritten {
  /** Answers what `Research` answers, without its `pageInfo`. */
  research(question: string): Promise<unknown>;
  close(): Promise<void>;
}

const HITS = 5;

interface ChunkRow {
  id: string;
  index: number;
  text: string;
  document_id: string;
  title: string;
  source: string;
  media_type: string;
  object_key: string;
}
interface EntityRow {
  document_id: string;
  id: string;
  name: string;
  kind: string;
}

export async function handWritten(options: {
  databaseUrl: string;
  dataDir: string;
  signingKey: string;
  baseUrl: string;
  principal: Principal;
}): Promise<HandWritten> {
  const postgres = new Postgres({ url: options.databaseUrl });
  const vectors = new PostgresVectors(postgres, 'chunks', {});
  const files = await createFilesDriver({ dataDir: options.dataDir });
  const signer = new UrlSigner({
    signingKey: new TextEncoder().encode(options.signingKey),
    publicBaseUrl: () => options.baseUrl,
  });
  const embedder = await StaticEmbedder.open();

  const documentsFiles = async (context: RequestContext, keys: string[]) => {
    const scope = { tenantId: context.principal.tenantId, statements: context.statements };
    const [infos, starts, urls] = await Promise.all([
      files.stat(scope, keys),
      files.readStart(scope, keys, 400),
      Promise.all(keys.map(async (key) => [key, await signer.signDownload(scope.tenantId, key, 300)] as const)),
    ]);
    const url = new Map(urls);
    return (key: string) => fileOf(infos.get(key), starts.get(key)?.bytes, url.get(key)!);
  };

  const documentsEntities = async (context: RequestContext, documentIds: string[]) => {
    const entities = await postgres.read<EntityRow>(context, {
      sql: `SELECT d.id AS document_id, e.id, e.name, e.kind FROM unnest($1::text[]) AS d(id) CROSS JOIN LATERAL (
              SELECT e.id, e.name, e.kind, m.position FROM graph.mentions m JOIN graph.entities e ON e.tenant_id = m.tenant_id AND e.id = m.entity_id
              WHERE m.document_id = d.id ORDER BY m.position, m.entity_id LIMIT 5) e ORDER BY e.position, e.id`,
      parameters: [documentIds],
    });
    const neighbors = await documentsNeighbors(context, [...new Set(entities.map(({ id }) => id))]);
    const byDocument = groupBy(entities, ({ document_id: id }) => id);
    return (documentId: string) => ({
      edges: (byDocument.get(documentId) ?? []).map(({ id, name, kind }) => ({
        node: { id, name, kind, neighbors: { edges: neighbors(id) } },
      })),
    });
  };

  const documentsNeighbors = async (context: RequestContext, sources: string[]) => {
    const found = new Map<string, { id: string; name: string; depth: number }[]>(sources.map((id) => [id, []]));
    const seen = new Map(sources.map((id) => [id, new Set([id])]));
    let frontier = new Map(sources.map((id) => [id, [id]]));
    for (let depth = 1; depth <= 2; depth++) {
      const nodes = [...new Set([...frontier.values()].flat())];
      if (nodes.length === 0) break;
      const steps = await postgres.read<{ from_id: string; to_id: string; to_name: string }>(context, {
        sql: `SELECT from_id, to_id, to_name FROM graph.relations WHERE from_id = ANY($1::text[]) AND type = 'DEPENDS_ON'`,
        parameters: [nodes],
      });
      const from = groupBy(steps, ({ from_id: id }) => id);
      const next = new Map<string, string[]>();
      for (const [source, ids] of frontier) {
        const reached = ids.flatMap((id) => from.get(id) ?? []).filter(({ to_id: id }) => !seen.get(source)!.has(id));
        const level = [...new Map(reached.map(({ to_id: id, to_name: name }) => [id, { id, name, depth }])).values()];
        level.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1));
        for (const { id } of level) seen.get(source)!.add(id);
        found.get(source)!.push(...level);
        if (found.get(source)!.length < 5)
          next.set(
            source,
            level.map(({ id }) => id),
          );
      }
      frontier = next;
    }
    return (id: string) =>
      found
        .get(id)!
        .slice(0, 5)
        .map(({ depth, name }) => ({ depth, node: { name } }));
  };

  const documentsSimilar = async (context: RequestContext, documentIds: string[]) => {
    const rankings = await vectors.similarToDocuments(context, documentIds, 3);
    const ids = [...new Set([...rankings.values()].flatMap(({ items }) => items.map(({ documentId }) => documentId)))];
    const rows = await postgres.read<{ id: string; title: string }>(context, {
      sql: 'SELECT id, title FROM relational.documents WHERE id = ANY($1::text[])',
      parameters: [ids],
    });
    const titles = new Map(rows.map(({ id, title }) => [id, title]));
    return (id: string) => ({
      edges: rankings
        .get(id)!
        .items.slice(0, 3)
        .map(({ documentId, score }) => ({ score, node: { title: titles.get(documentId) ?? null } })),
    });
  };

  return {
    async research(question) {
      const context = createRequestContext(options.principal);
      const rankings = await vectors.search(context, [
        { kind: 'VECTOR', vector: embedder.embed(question), model: DEFAULT_BUILT_IN, limit: VECTOR.fused },
        { kind: 'KEYWORD', text: question, limit: VECTOR.fused },
      ]);
      const hits = fuse(rankings[0]!, rankings[1]!, VECTOR.window).items.slice(0, HITS);
      const rows = await postgres.read<ChunkRow>(context, {
        sql: `SELECT c.id, c.index, c.text, c.document_id, d.title, d.source, d.media_type, d.object_key
              FROM relational.chunks c JOIN relational.documents d ON d.tenant_id = c.tenant_id AND d.id = c.document_id WHERE c.id = ANY($1::text[])`,
        parameters: [hits.map(({ chunkId }) => chunkId)],
      });
      const chunks = new Map(rows.map((row) => [row.id, row]));
      const documentIds = [...new Set(rows.map((row) => row.document_id))];
      const [file, entities, similar] = await Promise.all([
        documentsFiles(context, [...new Set(rows.map((row) => row.object_key))]),
        documentsEntities(context, documentIds),
        documentsSimilar(context, documentIds),
      ]);
      return {
        edges: hits.map(({ chunkId, score }) => {
          const {
            id,
            index,
            text,
            document_id: documentId,
            title,
            source,
            media_type: mediaType,
            object_key: key,
          } = chunks.get(chunkId)!;
          return {
            score,
            node: {
              id,
              index,
              text,
              document: {
                id: documentId,
                title,
                source,
                mediaType,
                file: file(key),
                entities: entities(documentId),
                similar: similar(documentId),
              },
            },
          };
        }),
      };
    },
    async close() {
      await vectors.close();
      await files.close();
      await postgres.close();
    },
  };
}

function fileOf(info: ObjectInfo | undefined, start: Uint8Array | undefined, downloadUrl: string) {
  if (info === undefined || start === undefined) return null;
  const { key, sizeBytes, contentType, checksum } = info;
  // A character that the cut splits is left out.
  const text = new TextDecoder('utf-8').decode(start, { stream: true });
  return { key, sizeBytes, contentType, checksum, downloadUrl, text };
}

function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
