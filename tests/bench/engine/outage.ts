/**
 * `npm run bench:engine -- --outage 1000`: what a failed fetch costs that so many entities with six fields each waited
 * for, beside the same answer when the fetch succeeds. In this process, as text, each in turn.
 */
import { parse } from 'graphql';
import { resultText } from '#gateway/respond/result-text.ts';
import { federate, testContext } from '#tests/engine/federation.ts';
import { quantile, row } from './report.ts';

const FIELDS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** @param rounds each of ten answers of both kinds */
export async function outage(entities: number, rounds: number): Promise<void> {
  let down = false;
  await using federation = await federate(
    {
      list: {
        typeDefs: 'type Query { things: [Thing] } type Thing @key(fields: "id") { id: ID! }',
        resolvers: { Query: { things: () => Array.from({ length: entities }, (_, index) => ({ id: String(index) })) } },
      },
      details: {
        typeDefs: `type Thing @key(fields: "id") { id: ID! ${FIELDS.map((field) => `${field}: String`).join(' ')} }`,
        resolvers: {
          Thing: {
            __resolveReference: ({ id }: { id: string }) => ({
              id,
              ...Object.fromEntries(FIELDS.map((field) => [field, `${field} of ${id}`])),
            }),
          },
        },
      },
    },
    {
      wrap: (client) => ({
        ...client,
        execute: (request) =>
          down && client.name === 'details' ? Promise.reject(new Error('It is down.')) : client.execute(request),
      }),
    },
  );
  const document = parse(`{ things { ${FIELDS.join(' ')} } }`);
  const cpuMs: Record<'good' | 'failed', number[]> = { good: [], failed: [] };
  const bytes = { good: 0, failed: 0 };
  for (let round = -1; round < rounds; round++) {
    for (const kind of ['good', 'failed'] as const) {
      down = kind === 'failed';
      const before = process.cpuUsage();
      for (let index = 0; index < 10; index++) {
        const result = await federation.engine.execute({ document, context: testContext(), asText: true });
        if ((result.errors?.length ?? 0) !== (down ? 1 : 0)) throw new Error('Other errors than were expected.');
        bytes[kind] = resultText(result).length;
      }
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) cpuMs[kind].push((user + system) / 10_000);
    }
  }
  const ratios = cpuMs.failed.map((ms, round) => ms / cpuMs.good[round]!);
  console.log(
    `\nNode ${process.version}, medians of ${rounds} rounds of ten answers; ${entities} entities, six fields\n`,
  );
  console.log('| answer | CPU ms | × | bytes |\n| --- | ---: | ---: | ---: |');
  for (const kind of ['good', 'failed'] as const)
    console.log(
      row([
        kind,
        quantile(cpuMs[kind], 0.5).toFixed(1),
        kind === 'good' ? '' : quantile(ratios, 0.5).toFixed(2),
        String(bytes[kind]),
      ]),
    );
}
