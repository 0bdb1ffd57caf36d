/**
 * `npm run bench:scan`: what comparing a question with all vectors costs, by their codes in WebAssembly and by the vectors
 * themselves in JavaScript, in one interleaved run: CPU of this process, as medians of rounds. Prints the table of docs/performance.md.
 * A minute on two cores, and 1.5 GB of memory at 500,000 rows.
 *
 *     npm run bench:scan -- [--rows 8000,100000,500000] [--rounds 9]
 */
import { parseArgs } from 'node:util';
import { encodeQuery } from '#subgraphs/vector/exact/codes.ts';
import { scan } from '#subgraphs/vector/exact/kernel.mjs';
import { VectorMatrix } from '#subgraphs/vector/exact/matrix.ts';
import { nearest } from '#subgraphs/vector/exact/nearest.ts';
import { topK } from '#subgraphs/vector/exact/top-k.ts';

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '8000,100000,500000' }, rounds: { type: 'string', default: '9' } },
});
const DIMENSIONS = 384;
const QUESTIONS = 5;

const normal = (): number => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const draw = (): Float32Array => Float32Array.from({ length: DIMENSIONS }, normal);
/** As texts are: around topics. */
const topics = Array.from({ length: 50 }, draw);
function unit(): Float32Array {
  const topic = topics[Math.floor(Math.random() * topics.length)]!;
  const vector = draw().map((value, at) => value + 0.6 * topic[at]!);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const ways: Record<string, (matrix: VectorMatrix, vectors: readonly Float32Array[], k: number) => void> = {
  'by vectors': (matrix, vectors, k) => {
    for (const vector of vectors) {
      const scores = Float64Array.from(matrix.ids, (_, row) => matrix.score(row, vector));
      topK(
        scores.length,
        k,
        (row) => scores[row]!,
        (row) => matrix.ids[row]!,
      );
    }
  },
  'by codes': (matrix, vectors, k) => {
    const queries = vectors.map(encodeQuery);
    scan(matrix.job(queries)).forEach((products, at) =>
      nearest(matrix, { query: queries[at]!, products, version: matrix.version }, k),
    );
  },
};

const median = (figures: readonly number[]): number => [...figures].sort((a, b) => a - b)[figures.length >> 1]!;

console.log('| rows | questions | k | by vectors, CPU ms | by codes, CPU ms | × | MB of the matrix |');
console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const rows of values.rows.split(',').map(Number)) {
  const matrix = new VectorMatrix(DIMENSIONS);
  for (let at = 0; at < rows; at++)
    matrix.append({ ordinal: at, id: `chunk-${at}`, group: `document-${at >> 3}` }, (target) => target.set(unit()));
  for (const [questions, k] of [
    [1, 10],
    [1, 500],
    [QUESTIONS, 10],
  ] as const) {
    const cpu: Record<string, number[]> = {};
    const ratios: number[] = [];
    const times = Math.max(Math.round(200_000 / rows / questions), 1);
    for (let round = -1; round < Number(values.rounds); round++) {
      const vectors = Array.from({ length: questions }, unit);
      const took = Object.entries(ways).map(([name, way]) => {
        const before = process.cpuUsage();
        for (let time = 0; time < times; time++) way(matrix, vectors, k);
        const { user, system } = process.cpuUsage(before);
        const each = (user + system) / 1_000 / times;
        if (round >= 0) (cpu[name] ??= []).push(each);
        return each;
      });
      if (round >= 0) ratios.push(took[0]! / took[1]!);
    }
    const [plain, coded] = [median(cpu['by vectors']!), median(cpu['by codes']!)];
    console.log(
      `| ${rows} | ${questions} | ${k} | ${plain.toFixed(2)} | ${coded.toFixed(2)} | 1/${median(ratios).toFixed(1)} | ${Math.round(matrix.bytes / 1e6)} |`,
    );
  }
}
