/**
 * Who attacks, in a process of its own: a hundred operations at once keep whoever sends them as busy as whoever reads them,
 * and what the good ones wait for then would be the benchmark itself. Told of an attack it begins it, told `over` it gives
 * it up and tells what the operations were answered.
 */
import { setMaxListeners } from 'node:events';
import { Pool } from 'undici';
import { askAs, onTime } from './paced.ts';

/** The gateway to attack. */
export interface AttackerRole {
  port: number;
}

export interface Attack {
  /** Part of the operations' names, which no other attack has. */
  name: string;
  operations: number;
  /** Between two of them; 0 for all at once. */
  everyMs: number;
}

process.once('disconnect', () => process.exit());
process.once('message', ({ port }: AttackerRole) => {
  const gateway = new Pool(`http://127.0.0.1:${port}`, { connections: 300 });
  let end: (() => Promise<void>) | undefined;
  process.on('message', (message: Attack | 'over') => {
    if (message !== 'over') end = begin(gateway, message);
    else void end!();
  });
  process.send!('ready');
});

function begin(gateway: Pool, { name, operations, everyMs }: Attack): () => Promise<void> {
  /** By what they were answered: `data`, an error's code, or `none yet` when the attack was over. */
  const answers: Record<string, number> = {};
  const over = new AbortController();
  setMaxListeners(0, over.signal); // Every operation listens.
  const attacked = onTime(operations, everyMs, async (index) => {
    const answer = await answerTo(gateway, `{ ${name}x${index}: start { ... on P { data } } }`, over.signal);
    answers[answer] = (answers[answer] ?? 0) + 1;
  });
  return async () => {
    over.abort();
    await attacked;
    process.send!(answers);
  };
}

async function answerTo(gateway: Pool, query: string, over: AbortSignal): Promise<string> {
  try {
    const { errors } = await askAs(gateway, 'hostile', query, over);
    return errors === undefined ? 'data' : (errors[0]?.extensions?.code ?? 'no code');
  } catch (error) {
    if (over.aborted) return 'none yet';
    throw error;
  }
}
