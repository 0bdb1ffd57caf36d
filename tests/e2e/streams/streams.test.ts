/** The short version of the fault suite; `npm run test:streams` is the full one. */
import { expect, test } from 'vitest';
import { compare, NO_FAULTS } from './compare.ts';
import type { Seen } from './readers.ts';
import { runSuite } from './suite.ts';

test('the comparison sees every kind of fault', () => {
  const marks = [undefined, 1, 2, 3, undefined];
  const whole: Seen[] = marks.map((mark, index) => ({
    runId: 'run',
    sequence: index + 1,
    type: ['RUN_STARTED', 'CUSTOM', 'CUSTOM', 'CUSTOM', 'RUN_FINISHED'][index]!,
    mark,
  }));
  const [first, second, third, fourth, last] = whole as [Seen, Seen, Seen, Seen, Seen];
  const found = (log: Seen[], held = whole) => compare(held, ['run'], 3, [{ way: 'test', runId: 'run', log }]);
  expect(found(whole)).toMatchObject({ ...NO_FAULTS, stored: 5, delivered: 5 });
  expect(found([first, second, fourth, last])).toMatchObject({ ...NO_FAULTS, lost: 1 });
  expect(found([first, second, second, third, fourth, last])).toMatchObject({ ...NO_FAULTS, duplicated: 1 });
  expect(found([first, third, second, fourth, last])).toMatchObject({ ...NO_FAULTS, outOfOrder: 1 });
  expect(found([first, second, { ...third, mark: 9 }, fourth, last])).toMatchObject({ ...NO_FAULTS, invented: 1 });
  expect(found([first, second, third, fourth])).toMatchObject({ ...NO_FAULTS, lost: 1, wrongEndings: 1 });
  expect(found([...whole, last])).toMatchObject({ ...NO_FAULTS, duplicated: 1, wrongEndings: 1 });
  const holed = [first, second, fourth, last];
  expect(found(holed, holed)).toMatchObject({ ...NO_FAULTS, wrongLogs: 1 });
  const twice = [
    first,
    second,
    { ...second, sequence: 3 },
    { ...third, sequence: 4 },
    { ...fourth, sequence: 5 },
    { ...last, sequence: 6 },
  ];
  expect(found(twice, twice)).toMatchObject({ ...NO_FAULTS, wrongLogs: 1 });
  // A message that was left open has to be ended.
  const opened: Seen[] = [
    first,
    { runId: 'run', sequence: 2, type: 'TEXT_MESSAGE_START', mark: undefined },
    ...[second, third, fourth, last].map((seen) => ({ ...seen, sequence: seen.sequence + 1 })),
  ];
  const log = [{ way: 'test', runId: 'run', log: opened }];
  expect(compare(opened, ['run'], 3, log, new Set(['run']))).toMatchObject({ ...NO_FAULTS, wrongLogs: 1 });
  const end: Seen = { runId: 'run', sequence: 6, type: 'TEXT_MESSAGE_END', mark: undefined };
  opened.splice(5, 1, end, { ...last, sequence: 7 });
  expect(compare(opened, ['run'], 3, log, new Set(['run']))).toMatchObject(NO_FAULTS);
});

test(
  'nothing is lost, repeated or out of order while gateways and PostgreSQL are killed and connections cut',
  { timeout: 240_000 },
  async () => {
    const log: string[] = [];
    const report = await runSuite({
      runs: 12,
      events: 60,
      writers: 3,
      batch: 4,
      gateways: 2,
      faults: [
        'all connections of clients to a gateway cut',
        'a gateway killed with SIGKILL and started again',
        'listeners ended, so that notifications are lost',
        'PostgreSQL killed with SIGKILL and started again',
        'all connections of clients to a gateway cut',
        'all connections of gateways to PostgreSQL cut',
        'the supergraph changed and reloaded',
      ],
      deadlineMs: 180_000,
      log: (line) => log.push(line),
    });
    const why = [...log, ...report.examples].join('\n');
    expect({ ...report, lost: report.lost, examples: [] }, why).toMatchObject({
      // Four of the twelve runs have a message that the writer leaves open.
      stored: 12 * 62 + 2 * 4,
      delivered: 4 * (12 * 62 + 2 * 4),
      ...NO_FAULTS,
      refusedByAgUi: 0,
    });
    // The faults have reached the readers, or nothing was proved.
    for (const { way, resumes } of report.readers) expect(resumes, way).toBeGreaterThan(0);
    expect(report.writing.retries).toBeGreaterThan(0);
  },
);
