/** Good requests of another tenant, asked all the time: each must be answered as it was before anything else came. */
import { setTimeout as delay } from 'node:timers/promises';
import { WAYS_IN } from '#tests/gateway/ways-in.ts';

const QUESTIONS = [
  '{ documents(first: 10, orderBy: [{ field: TITLE, direction: ASC }]) { edges { node { id title contentHash indexing { state } chunks(first: 2) { edges { node { id text } } } } } } }',
  '{ entities(first: 5, where: { kind: { eq: "Package" } }) { edges { node { id name neighbors(first: 3) { edges { depth node { name } } } } } } }',
  '{ search(query: "a store retries", first: 3) { edges { node { id text } } } }',
] as const;
const PAUSE_MS = 40;

export interface Beside {
  /** How often each way was answered rightly. */
  readonly answered: number;
  /** Wrong answers and failures. */
  readonly failures: readonly string[];
  /** Times of the answers, in milliseconds. */
  readonly times: readonly number[];
}

/** Asks until the signal ends it. @throws where the questions are not even answered in quiet */
export async function askBeside(url: string, token: string, signal: AbortSignal): Promise<Beside> {
  const expected = new Map<string, string>();
  for (const query of QUESTIONS) expected.set(query, await settled(url, token, query));
  const [times, failures]: [number[], string[]] = [[], []];
  const ways = Object.entries(WAYS_IN);
  for (let turn = 0; !signal.aborted; turn++) {
    const [way, send] = ways[turn % ways.length]!;
    const query = QUESTIONS[turn % QUESTIONS.length]!;
    const began = performance.now();
    try {
      // On connections of their own: one that was kept may be closed by the server while it is used again.
      const says = way === 'WebSocket' ? token : { authorization: token, connection: 'close' };
      const { answer } = await send(url, { query }, says);
      if (JSON.stringify(answer.data) !== expected.get(query))
        failures.push(`${way}: ${JSON.stringify(answer).slice(0, 600)}`);
    } catch (error) {
      failures.push(`${way}: ${String(error)}`);
    }
    times.push(performance.now() - began);
    await delay(PAUSE_MS);
  }
  return { answered: times.length - failures.length, failures, times };
}

/** The answer once what was written has been indexed: whole, and the same twice. */
async function settled(url: string, token: string, query: string): Promise<string> {
  let last = '';
  for (let attempt = 0; attempt < 100; attempt++) {
    const { answer } = await WAYS_IN.POST!(url, { query }, token);
    if (answer.errors !== undefined) throw new Error(`A good request fails in quiet: ${JSON.stringify(answer.errors)}`);
    const text = JSON.stringify(answer.data);
    if (text === last && !text.includes('PENDING') && !/^\{"\w+":\{"edges":\[\]/.test(text)) return text;
    last = text;
    await delay(300);
  }
  throw new Error(`A good request is not answered in quiet: ${last.slice(0, 600)}`);
}
