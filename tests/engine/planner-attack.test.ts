/**
 * The planner under attack: a hundred operations that would make it hang and take all memory, each another one, between
 * good ones. Every one of them is answered, right.
 */
import { expect, test } from 'vitest';
import attacked from './conformance/interface-object-requires/case.ts';
import { federate, received } from './federation.ts';

test(
  '100 operations that hang the published planner are answered, and good ones beside them',
  { timeout: 240_000 },
  async () => {
    const heapBefore = process.memoryUsage().heapUsed;
    await using federation = await federate(attacked.subgraphs);
    const answers: Promise<unknown>[] = [];
    const expected: unknown[] = [];
    for (let index = 0; index < 100; index++) {
      answers.push(federation.run(`{ h${index}: start { ... on P { x${index}: data } } }`).then(received));
      expected.push({ data: { [`h${index}`]: { [`x${index}`]: 'data of p1 and r-p1' } } });
      answers.push(federation.run(`{ g${index}: start { id } }`).then(received));
      expected.push({ data: { [`g${index}`]: { id: 'p1' } } });
    }
    expect(await Promise.all(answers)).toEqual(expected);
    expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(256 * 1024 * 1024);
  },
);
