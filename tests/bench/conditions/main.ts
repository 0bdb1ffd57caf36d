/**
 * `npm run bench:conditions`: filters across stores as they are worked out, beside one way always (push, or walk) and code that
 * somebody wrote who knows both stores, from next to nothing that matches to all of it, in one interleaved run. CPU is that of this
 * process and of PostgreSQL, as medians of rounds; prints the tables of docs/performance.md. Some minutes on two cores.
 *
 *     npm run bench:conditions -- [--scale 1] [--rounds 7] [--way chosen]
 *
 * With `--way` that one alone, so that the resident memory after each row is its own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'graphql';
import pg from 'pg';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import type { ConditionBounds } from '#gateway/conditions/asking.ts';
import { withConditions } from '#gateway/conditions/conditions-engine.ts';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import { loadConfig } from '#gateway/config/config.ts';
import { createEngine, type Engine } from '#gateway/execute/engine.ts';
import { startServer, type BackgroundServices } from '#gateway/server.ts';
import { createLogger } from '#gateway/telemetry/logger.ts';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { startBackground } from '#ops/ingest/background.ts';
import { createRequestContext } from '#subgraphs/shared/context.ts';
import { serverCpuMs } from '#tests/bench/process-cpu.ts';
import { below, load, type Sizes } from './data.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '7' },
    way: { type: 'string' },
  },
});
const scale = Number(values.scale);
const rounds = Number(values.rounds);
const sizes: Sizes = {
  documents: Math.round(20_000 * scale),
  chunksPerDocument: 5,
  entities: Math.round(20_000 * scale),
};
const SHARES = [0.000_01, 0.001, 0.003, 0.01, 0.03, 0.1, 0.5, 1];

const folder = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
let services: BackgroundServices | undefined;
const background = startBackground();
const server = await startServer(
  loadConfig({ DATABASE_URL: postgres.url, DATA_DIR: folder, PORT: '0', LOG_LEVEL: 'error', INGEST_ON_START: 'false' }),
  { log: createLogger({ level: 'error' }), background: (given) => background((services = given)) },
);
await server.ready;
const admin = new pg.Client(postgres.url);
await admin.connect();
console.error(`Filling: ${JSON.stringify(sizes)}`);
await load(admin, sizes);

const engineWith = async (bounds: Partial<ConditionBounds>): Promise<Engine> =>
  withConditions(
    await createEngine({
      supergraphSdl: server.supergraph.current.sdl,
      clients: services!.clients,
      widen: widenedFilters,
    }),
    { pushed: 40_000, timeMs: 600_000, ...bounds },
  );
const engines = {
  chosen: await engineWith({}),
  push: await engineWith({ only: 'push' }),
  walk: await engineWith({ only: 'walk' }),
};

interface Answer {
  readonly ids: readonly string[];
  readonly statements: number;
  readonly ways: string;
}
type Way = (share: number) => Promise<Answer>;

const DOCUMENTS = parse(`query($where: DocumentFilter) {
  documents(where: $where, orderBy: [{ field: TITLE, direction: ASC }], first: 10) { nodes { id } pageInfo { hasNextPage } }
}`);
const SEARCH = parse(`query($where: SearchFilter) {
  search(query: "a passage", mode: VECTOR, where: $where, first: 10) { nodes { id } pageInfo { hasNextPage } }
}`);

function asked(engine: Engine, document: typeof SEARCH, whereOf: (share: number) => object): Way {
  return async (share) => {
    const context = createRequestContext(DEVELOPER);
    const result = await engine.execute({ document, variables: { where: whereOf(share) }, context, trace: true });
    if (result.errors !== undefined) throw new Error(result.errors[0]!.message);
    const [list] = Object.values(result.data as Record<string, { nodes: { id: string }[] }>);
    const steps = (result.extensions!['trace'] as { conditions: { way: string }[] }).conditions;
    const statements = Object.values(context.statements.counts()).reduce((sum, count) => sum + count, 0);
    return { ids: list!.nodes.map(({ id }) => id), statements, ways: steps.map(({ way }) => way).join(' then ') };
  };
}

const named = (share: number) => ({ entities: { some: { name: { lt: below(share, sizes.entities) } } } });
const within = (share: number) => ({ document: { source: { lt: below(share, sizes.documents) } } });
const { tenantId } = DEVELOPER;

/** One statement that knows both stores, which here happen to be in one database. */
const documentsJoined: Way = async (share) => {
  const { rows } = await admin.query<{ id: string }>(
    `SELECT id FROM relational.documents AS d WHERE tenant_id = $1 AND EXISTS (
       SELECT FROM graph.mentions AS m JOIN graph.entities AS e ON e.tenant_id = m.tenant_id AND e.id = m.entity_id
        WHERE m.tenant_id = d.tenant_id AND m.document_id = d.id AND e.name COLLATE "C" < $2) ORDER BY title, id LIMIT 11`,
    [tenantId, below(share, sizes.entities)],
  );
  return { ids: rows.slice(0, 10).map(({ id }) => id), statements: 1, ways: '' };
};

/** Ids from the one store, pushed to the other where few match; else the first documents, of which the entities are looked at. */
const documentsByHand: Way = async (share) => {
  const bound = below(share, sizes.entities);
  const list = async (where: object, first: number): Promise<{ id: string; title: string }[]> => {
    const { data } = await engines.chosen.execute({
      document: parse(
        'query($where: DocumentFilter, $first: Int) { documents(where: $where, orderBy: [{ field: TITLE, direction: ASC }], first: $first) { nodes { id title } } }',
      ),
      variables: { where, first },
      context: createRequestContext(DEVELOPER),
    });
    return (data as { documents: { nodes: { id: string; title: string }[] } }).documents.nodes;
  };
  const naming = async (among: readonly string[] | null): Promise<string[]> => {
    const { rows } = await admin.query<{ id: string }>(
      `SELECT DISTINCT m.document_id AS id FROM graph.entities AS e
         JOIN graph.mentions AS m ON e.tenant_id = m.tenant_id AND e.id = m.entity_id
        WHERE e.tenant_id = $1 AND e.name COLLATE "C" < $2 AND ($3::text[] IS NULL OR m.document_id = ANY ($3))`,
      [tenantId, bound, among],
    );
    return rows.map(({ id }) => id);
  };
  if (share <= 0.02) {
    const all = await naming(null);
    const found: { id: string; title: string }[] = [];
    // As many as a filter takes.
    for (let at = 0; at < all.length; at += 500)
      found.push(...(await list({ id: { in: all.slice(at, at + 500) } }, 11)));
    const sorted = found.toSorted((one, other) => Number(one.title) - Number(other.title));
    return { ids: sorted.slice(0, 10).map(({ id }) => id), statements: 1 + Math.ceil(all.length / 500), ways: '' };
  }
  const first = (await list({}, Math.min(200, Math.ceil(20 / share)))).map(({ id }) => id);
  const matching = new Set(await naming(first));
  return { ids: first.filter((id) => matching.has(id)).slice(0, 10), statements: 2, ways: '' };
};

/** Ids from the one store, pushed to the other where few match; else the best passages, of which the documents are looked at. */
const searchByHand: Way = async (share) => {
  const bound = below(share, sizes.documents);
  const search = async (where: object, first: number): Promise<{ id: string; documentId: string }[]> => {
    const { data } = await engines.chosen.execute({
      document: parse(
        'query($where: SearchFilter, $first: Int) { search(query: "a passage", mode: VECTOR, where: $where, first: $first) { nodes { id document { id } } } }',
      ),
      variables: { where, first },
      context: createRequestContext(DEVELOPER),
    });
    const { nodes } = (data as { search: { nodes: { id: string; document: { id: string } }[] } }).search;
    return nodes.map(({ id, document }) => ({ id, documentId: document.id }));
  };
  if (share <= 0.02) {
    const { rows } = await admin.query<{ id: string }>(
      `SELECT id FROM relational.documents WHERE tenant_id = $1 AND source COLLATE "C" < $2`,
      [tenantId, bound],
    );
    const found = await search({ documentId: { in: rows.map(({ id }) => id) } }, 11);
    return { ids: found.slice(0, 10).map(({ id }) => id), statements: 2, ways: '' };
  }
  const nodes = await search({}, Math.min(200, Math.ceil(20 / share)));
  const { rows } = await admin.query<{ id: string }>(
    `SELECT id FROM relational.documents WHERE tenant_id = $1 AND id = ANY ($3) AND source COLLATE "C" < $2`,
    [tenantId, bound, nodes.map(({ documentId }) => documentId)],
  );
  const matching = new Set(rows.map(({ id }) => id));
  const ids = nodes.flatMap(({ id, documentId }) => (matching.has(documentId) ? [id] : []));
  return { ids: ids.slice(0, 10), statements: 2, ways: '' };
};

const tables: Record<string, Record<string, Way>> = {
  'Documents, by title, that name an entity': {
    chosen: asked(engines.chosen, DOCUMENTS, named),
    'always push': asked(engines.push, DOCUMENTS, named),
    'always walk': asked(engines.walk, DOCUMENTS, named),
    'by hand': documentsByHand,
    'one statement over both': documentsJoined,
  },
  'Passages, the nearest first, of documents': {
    chosen: asked(engines.chosen, SEARCH, within),
    'always push': asked(engines.push, SEARCH, within),
    'always walk': asked(engines.walk, SEARCH, within),
    'by hand': searchByHand,
  },
};

for (const [title, all] of Object.entries(tables)) {
  const ways = Object.fromEntries(Object.entries(all).filter(([name]) => (values.way ?? name) === name));
  console.log(`\n### ${title}\n`);
  console.log(
    '| matching | way | CPU ms | wall ms | statements | gone | resident MiB |\n| ---: | --- | ---: | ---: | ---: | --- | ---: |',
  );
  for (const share of SHARES) {
    const measured = new Map(Object.keys(ways).map((name) => [name, [] as Measured[]]));
    for (let round = 0; round <= rounds; round++)
      for (const [name, way] of Object.entries(ways)) {
        const one = await measure(() => way(share));
        // The first of all warms.
        if (round > 0) measured.get(name)!.push(one);
      }
    // A search that is walked ends with its window: what it gave before that is another answer.
    const expected = (measured.get('by hand') ?? [...measured.values()][0]!)[0]!.answer.ids;
    for (const [name, all] of measured) {
      const { statements, ways: gone, ids } = all[0]!.answer;
      const cpu = median(all.map((each) => each.cpuMs));
      const wall = median(all.map((each) => each.wallMs));
      const same = JSON.stringify(ids) === JSON.stringify(expected) ? '' : ' (another answer)';
      console.log(
        `| ${share * 100} % | ${name} | ${cpu.toFixed(1)} | ${wall.toFixed(1)} | ${statements} | ${gone}${same} | ${resident()} |`,
      );
    }
  }
}
for (const engine of Object.values(engines)) await engine.close();
await admin.end();
await server.close();
await postgres.close();
await rm(folder, { recursive: true, force: true });

interface Measured {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly answer: Answer;
}

/** As often as it takes for the clock of /proc, which has ticks of 10 ms, to tell. */
async function measure(ask: () => Promise<Answer>): Promise<Measured> {
  const cpuBefore = process.cpuUsage();
  const storeBefore = await serverCpuMs(postgres.pid);
  const began = performance.now();
  let answer: Answer;
  let times = 0;
  do {
    answer = await ask();
    times += 1;
  } while (performance.now() - began < 200);
  const wallMs = (performance.now() - began) / times;
  const { user, system } = process.cpuUsage(cpuBefore);
  const own = (user + system) / 1_000;
  return { cpuMs: (own + (await serverCpuMs(postgres.pid)) - storeBefore) / times, wallMs, answer };
}

function resident(): number {
  return Math.round(process.memoryUsage.rss() / 1024 ** 2);
}

function median(all: readonly number[]): number {
  const sorted = all.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)]!;
}
