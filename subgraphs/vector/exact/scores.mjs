/**
 * Dot products of query vectors with the rows of a matrix. Plain JavaScript, because a worker thread starts on it
 * without a TypeScript loader, on every version of Node.
 */

/**
 * @param {object} job
 * @param {readonly Float32Array[]} job.segments the matrix, row after row, cut into segments
 * @param {readonly number[]} job.counts how many rows of each segment are in use
 * @param {number} job.dimensions the numbers in one row
 * @param {readonly Float32Array[]} job.queries one vector each
 * @param {Int32Array} [job.rows] the rows to score, in ascending order; all when absent
 * @returns {Float64Array[]} for each query, the score of each row (of `rows`, where given)
 */
export function computeScores({ segments, counts, dimensions, queries, rows }) {
  const total = rows === undefined ? counts.reduce((sum, count) => sum + count, 0) : rows.length;
  return queries.map((query) => {
    const scores = new Float64Array(total);
    let written = 0;
    let first = 0;
    for (let s = 0; s < segments.length; s++) {
      const segment = segments[s];
      const end = first + counts[s];
      if (rows === undefined) {
        for (let row = 0; row < counts[s]; row++) scores[written++] = dot(segment, row * dimensions, query, dimensions);
      } else {
        while (written < total && rows[written] < end) {
          scores[written] = dot(segment, (rows[written] - first) * dimensions, query, dimensions);
          written++;
        }
      }
      first = end;
    }
    return scores;
  });
}

// Four sums, so that one addition need not wait for the one before.
function dot(matrix, offset, query, dimensions) {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < dimensions; i += 4) {
    a += matrix[offset + i] * query[i];
    b += matrix[offset + i + 1] * query[i + 1];
    c += matrix[offset + i + 2] * query[i + 2];
    d += matrix[offset + i + 3] * query[i + 3];
  }
  for (; i < dimensions; i++) a += matrix[offset + i] * query[i];
  return a + b + c + d;
}
