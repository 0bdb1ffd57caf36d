/**
 * `npm run bench:ask`: how often an answer that is made of the documents' own sentences is right, wrong or none, and how often there
 * is one to a question that the documents do not answer; with each built-in embedder, and without one. Prints the table of
 * docs/agents.md; takes about a minute. `-- --told` prints each answer that is not right.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

import { extract } from '#gateway/agents/ask/extractive.ts';
import type { Passage } from '#gateway/agents/ask/passages.ts';
import { startEmbeddedPostgres } from '#ops/embedded/postgres.ts';
import { BUILT_IN_MODELS } from '#subgraphs/shared/built-in-models.ts';
import { Postgres } from '#subgraphs/shared/postgres/postgres.ts';
import { PostgresVectors } from '#subgraphs/vector/drivers/postgres/index.ts';
import { checkSearch, searchAll } from '#subgraphs/vector/search/search.ts';
import { asTenant, builtIn, store, type RetrievalSet } from '../search/measure.ts';
import { questions } from '../search/questions.ts';
import { readmes } from '../search/readmes.ts';
import { DOCS, READMES, type QuestionSet } from './questions.ts';

const { values } = parseArgs({ options: { told: { type: 'boolean', default: false } } });
const project = fileURLToPath(new URL('../../../', import.meta.url));
const SETS: readonly (readonly [name: string, texts: RetrievalSet, asked: QuestionSet])[] = [
  ['docs', questions(project), DOCS],
  ['READMEs', readmes(join(project, 'node_modules')), READMES],
];
/** As `ask` searches where nothing else is said. */
const PASSAGES = 8;

const folder = await mkdtemp(join(tmpdir(), 'bench-ask-'));
const server = await startEmbeddedPostgres({ dataDir: folder, settings: { fsync: 'off' } });
const postgres = new Postgres({ url: server.url });
try {
  await postgres.migrate('vector', new URL('../../../subgraphs/vector/migrations/', import.meta.url));
  console.log(
    '| set | embedder | right | wrong | none | answered though nothing does |\n| --- | --- | --- | --- | --- | --- |',
  );
  for (const [name, texts, { answered, unanswered }] of SETS)
    for (const model of BUILT_IN_MODELS) {
      const driver = new PostgresVectors(postgres, model);
      const embedder = await builtIn(model);
      const context = asTenant(name);
      await store(driver, embedder, name, texts);
      const byId = new Map(texts.documents.map((document) => [document.id, document]));
      const answerOf = async (question: string, words: boolean): Promise<string | undefined> => {
        const request = checkSearch({ query: question, mode: 'HYBRID', first: PASSAGES });
        const [page] = await searchAll(context, { searching: driver, embedder, reranker: undefined }, [request]);
        const passages = page!.edges.map(({ node: { id }, score }, at): Passage => {
          const { title, text } = byId.get(id)!;
          return { number: at + 1, chunkId: id, documentId: id, title, source: null, text, score };
        });
        const options = { principal: context.principal, signal: new AbortController().signal };
        return (await extract(question, passages, { ...options, embedder: words ? undefined : embedder }))?.text;
      };
      for (const words of model === BUILT_IN_MODELS[0] ? [false, true] : [false]) {
        let [right, wrong, none, though] = [0, 0, 0, 0];
        const tell = (what: string, question: string, answer: string | undefined): void => {
          if (values.told) console.log(`${what}: ${question}\n    ${answer?.replaceAll('\n', ' ') ?? '–'}`);
        };
        for (const [question, expected] of answered) {
          const answer = await answerOf(question, words);
          const isRight = answer !== undefined && expected.test(answer);
          if (isRight) right += 1;
          else if (answer === undefined) none += 1;
          else wrong += 1;
          if (!isRight) tell(answer === undefined ? 'none' : 'wrong', question, answer);
        }
        for (const question of unanswered) {
          const answer = await answerOf(question, words);
          if (answer === undefined) continue;
          though += 1;
          tell('answered', question, answer);
        }
        console.log(
          `| ${name} | ${words ? 'none, by words' : model} | ${right} of ${answered.length} | ${wrong} | ${none} | ${though} of ${unanswered.length} |`,
        );
      }
      await driver.close();
    }
} finally {
  await postgres.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
