/** Waiting until stores have what was ingested. */
import { expect, test } from 'vitest';
import { INGEST } from '#ops/ingest/bounds.ts';
import type { Lagging } from '#ops/ingest/over-http.ts';
import { toldLate, untilIndexed } from '#ops/ingest/wait.ts';

const ids = Array.from({ length: 250 }, (_, index) => `doc_${index}`);
const lags = (id: string, state: Lagging['state'], error: string | null = null, store = 'VECTOR') =>
  ({ id, store, state, error }) satisfies Lagging;

test('it asks by pages until all are there, says how far it is, and what is off is not waited for', async () => {
  const asked: number[] = [];
  const done: number[] = [];
  let rounds = 0;
  const late = await untilIndexed(
    {
      lagging: (page) => {
        asked.push(page.length);
        // The first page hangs at first; what is behind it is looked at all the same.
        const hanging = rounds++ < 2 ? page.filter((id) => Number(id.slice(4)) < 100) : [];
        return Promise.resolve([
          ...hanging.map((id) => lags(id, 'PENDING')),
          ...page.flatMap((id) =>
            id === 'doc_7' && hanging.length === 0 ? [lags(id, 'DISABLED', null, 'GRAPH')] : [],
          ),
        ]);
      },
    },
    ids,
    { seconds: 60, onProgress: (count) => void done.push(count) },
  );
  expect(asked).toEqual([100, 100, 100, 50]);
  expect(done).toEqual([0, 100, 200, 250]);
  expect(late).toEqual([{ store: 'GRAPH', state: 'DISABLED', documents: 1, error: null }]);
  expect(toldLate(late)).toEqual(['1 document: not in the graph, which is switched off.']);
});

test('when the time is up it says how many are not there, in which store, and why', async () => {
  let asked = 0;
  const late = await untilIndexed(
    {
      lagging: (page) => {
        asked += page.length;
        return Promise.resolve(
          page.flatMap((id) => [lags(id, 'FAILED', `The model is away (${id}).`), lags(id, 'PENDING', null, 'OBJECT')]),
        );
      },
    },
    ids,
    { seconds: 0 },
  );
  expect(asked).toBe(ids.length);
  expect(toldLate(late)).toEqual([
    '250 documents: not in the vector store yet, and will follow by themselves (--wait <seconds> waits longer). The last attempt failed: The model is away (doc_0).',
    '250 documents: not in the object store yet, and will follow by themselves (--wait <seconds> waits longer).',
  ]);
  expect(INGEST.listed).toBe(100);
});
