/** How many of the exact ten nearest the approximate search finds. */
import type { Client } from 'pg';
import type { VectorDriver } from '#subgraphs/vector/driver.ts';
import { checkFilter } from '#subgraphs/vector/input.ts';
import { contextOf } from './reads.ts';
import { BIG, SMALL, vectorOf, type Sizes } from './sizes.ts';

const QUERIES = 50;

export async function recall(driver: VectorDriver, admin: Client, sizes: Sizes, home: string): Promise<string> {
  const lines: string[] = [];
  for (const tenant of [BIG, SMALL]) {
    for (const mediaTypes of [undefined, ['text/plain']]) {
      let hits = 0;
      let wanted = 0;
      for (let i = 0; i < QUERIES; i += 1) {
        const vector = vectorOf(20_000_000 + i);
        const [ranking] = await driver.search(contextOf(tenant), [
          {
            kind: 'VECTOR',
            vector,
            model: 'bench',
            filter: checkFilter({ ...(mediaTypes === undefined ? {} : { mediaType: { in: mediaTypes } }) }),
            limit: 10,
          },
        ]);
        // No index: what is ordered by an expression that the index does not have is compared with every row.
        const { rows } = await admin.query<{ chunk_id: string }>(
          `SELECT chunk_id FROM vector.chunks WHERE tenant_id = $1 AND ($2::text[] IS NULL OR media_type = ANY ($2))
           ORDER BY (embedding::${home}.vector(384) OPERATOR(${home}.<=>) $3::${home}.vector(384)) + 0, chunk_id LIMIT 10`,
          [tenant, mediaTypes ?? null, `[${vector.join(',')}]`],
        );
        const exact = new Set(rows.map(({ chunk_id }) => chunk_id));
        wanted += exact.size;
        hits += ranking!.items.filter(({ chunkId }) => exact.has(chunkId)).length;
      }
      lines.push(
        `| ${tenant}${mediaTypes === undefined ? '' : ', of a media type (10 %)'} | ${(hits / wanted).toFixed(3)} | ${wanted / QUERIES} |`,
      );
    }
  }
  return [
    '\n### Recall@10\n',
    `${QUERIES} queries, ${sizes.vectors} vectors.`,
    '',
    '| tenant | recall@10 | of |',
    '| --- | ---: | ---: |',
    ...lines,
  ].join('\n');
}
