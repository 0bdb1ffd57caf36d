/**
 * `npm run bench:search`: how well search finds, by meaning, by words and by both, with each built-in embedder, on sets that
 * nothing was tuned on; `--tuning` on the one that fusion was tuned on. Prints the table of docs/search.md; takes about two minutes.
 *
 *     npm run bench:search -- [--pairs 5000] [--questions 400] [--tuning] [--sets by-hand,READMEs] [--served http://127.0.0.1:11434/v1,all-minilm]
 *
 * `--served` asks a model of an OpenAI-compatible server, too; `--sets` takes some sets alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { BUILT_IN_MODELS } from '#subgraphs/shared/built-in-models.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { PostgresVectors } from '#subgraphs/vector/drivers/postgres/index.ts';
import { docComments } from './doc-comments.ts';
import { builtIn, measure, MODES, served, store, type RetrievalSet } from './measure.ts';
import { questions } from './questions.ts';
import { readmes } from './readmes.ts';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5000' },
    questions: { type: 'string', default: '400' },
    tuning: { type: 'boolean', default: false },
    sets: { type: 'string' },
    served: { type: 'string' },
  },
});
const project = fileURLToPath(new URL('../../../', import.meta.url));
const nodeModules = join(project, 'node_modules');
const pairs = Number(values.pairs);
const sets: Record<string, RetrievalSet> = values.tuning
  ? { 'comments, tuning': docComments(nodeModules, 'tuning', pairs) }
  : {
      READMEs: readmes(nodeModules),
      comments: docComments(nodeModules, 'test', pairs),
      'questions by hand': questions(project),
    };

const [servedUrl, servedModel] = values.served?.split(',') ?? [];
const embedders = new Map([
  ...BUILT_IN_MODELS.map((model) => [model, () => builtIn(model)] as const),
  ...(servedUrl === undefined || servedModel === undefined
    ? []
    : [[servedModel, () => served(servedUrl, servedModel)] as const]),
]);

/** So many questions of each set, of all its documents. */
const asked = Number(values.questions);

const folder = await mkdtemp(join(tmpdir(), 'bench-search-'));
const server = await startEmbeddedPostgres({ dataDir: folder, settings: { fsync: 'off' } });
const postgres = new Postgres({ url: server.url });
try {
  await postgres.migrate('vector', new URL('../../../subgraphs/vector/migrations/', import.meta.url));
  console.log('| set | embedder | mode | recall@1 | recall@10 | MRR |\n| --- | --- | --- | --- | --- | --- |');
  const wanted = values.sets?.split(',');
  const chosen = Object.entries(sets).filter(([name]) => wanted?.some((each) => name.includes(each)) ?? true);
  for (const [name, { documents, questions }] of chosen)
    for (const [model, open] of embedders) {
      const driver = new PostgresVectors(postgres, model);
      const set = { documents, questions: questions.slice(0, asked) };
      const [embedder, tenant] = [await open(), name.replace(/\W+/g, '-')];
      await store(driver, embedder, tenant, set);
      for (const mode of MODES) {
        const { recallAt1, recallAt10, mrr } = await measure(driver, embedder, tenant, set, mode);
        const figures = [recallAt1, recallAt10, mrr].map((value) => value.toFixed(3)).join(' | ');
        console.log(
          `| ${name} (${set.questions.length} of ${set.documents.length}) | ${model} | ${mode} | ${figures} |`,
        );
      }
      await driver.close();
    }
} finally {
  await postgres.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
process.exit();
