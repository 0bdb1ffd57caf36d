/**
 * Scores the rows of a matrix by their codes, in WebAssembly (kernel.wat). Plain JavaScript, because a worker thread starts
 * on it without a TypeScript loader. Rows are copied into WebAssembly's memory piece by piece: that costs as much as scoring
 * them once, but each thread has a small memory of its own, and all queries of a call share the copy.
 */
import { readFileSync } from 'node:fs';

const module = new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));
const { memory, score } = new WebAssembly.Instance(module).exports;

/** Rows of one piece: with their codes they stay in the processor's second cache. */
const PIECE = 512;

/** @param {import('./kernel.d.mts').ScanJob} job @returns {Float32Array[]} see kernel.d.mts */
export function scan({ segments, width, queries, rows }) {
  const total = rows === undefined ? segments.reduce((sum, { count }) => sum + count, 0) : rows.length;
  const results = queries.map(() => new Float32Array(total));
  const at = { codes: 2 * width, scales: (2 + PIECE) * width, out: (2 + PIECE) * width + 4 * PIECE };
  const needed = at.out + 4 * PIECE - memory.buffer.byteLength;
  if (needed > 0) memory.grow(Math.ceil(needed / 65_536));
  const bytes = new Int8Array(memory.buffer);
  const words = new Int32Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  const query = new Int16Array(memory.buffer, 0, width);

  let done = 0;
  const scorePiece = (count) => {
    for (let q = 0; q < queries.length; q++) {
      query.set(queries[q]);
      score(0, at.codes, at.scales, at.out, count, width);
      results[q].set(floats.subarray(at.out / 4, at.out / 4 + count), done);
    }
    done += count;
  };

  let first = 0;
  for (const { codes, scales, count } of segments) {
    if (rows === undefined) {
      for (let row = 0; row < count; row += PIECE) {
        const end = Math.min(row + PIECE, count);
        bytes.set(codes.subarray(row * width, end * width), at.codes);
        floats.set(scales.subarray(row, end), at.scales / 4);
        scorePiece(end - row);
      }
    } else {
      const source = new Int32Array(codes.buffer, codes.byteOffset, codes.length / 4);
      while (done < total && rows[done] < first + count) {
        let taken = 0;
        for (; taken < PIECE && done + taken < total && rows[done + taken] < first + count; taken++) {
          const row = rows[done + taken] - first;
          const from = (row * width) / 4;
          const to = (at.codes + taken * width) / 4;
          for (let word = 0; word < width / 4; word++) words[to + word] = source[from + word];
          floats[at.scales / 4 + taken] = scales[row];
        }
        scorePiece(taken);
      }
    }
    first += count;
  }
  return results;
}
