/** The sides of a comparison: an engine in a process of its own, or a gateway that runs. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { COMPARE } from './bounds.ts';
import type { ENGINES, FromEngine, ToEngine } from './engine-process.ts';
import type { Answered, EngineSetting, Outcome, RecordedOperation, Side } from './side.ts';

/**
 * Starts an engine in a process of its own.
 * @throws Error where it cannot be what it is to be
 */
export async function engineSide(name: keyof typeof ENGINES, setting: EngineSetting): Promise<Side> {
  const child = fork(fileURLToPath(new URL('./engine-process.ts', import.meta.url)), [], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { ...process.env, NODE_ENV: 'production', APOLLO_TELEMETRY_DISABLED: 'true' },
    // What a peer writes on standard output is no part of the report.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (outcome: Outcome) => void>();
  let asked = 0;
  let ended: string | undefined;
  child.once('exit', (code, signal) => {
    ended = `The process of ${name} has ended (${signal ?? code}).`;
    for (const resolve of waiting.values()) resolve({ failure: ended, ms: 0 });
  });
  const side: Side = {
    name,
    ask: (operation) =>
      new Promise((resolve) => {
        if (ended !== undefined) return resolve({ failure: ended, ms: 0 });
        const id = ++asked;
        // Its own time-out is as long: this one is for a process that hangs.
        const late = setTimeout(
          () => done({ failure: 'There was no answer in time.', ms: COMPARE.answerMs }),
          2 * COMPARE.answerMs,
        );
        const done = (outcome: Outcome): void => {
          clearTimeout(late);
          waiting.delete(id);
          resolve(outcome);
        };
        waiting.set(id, done);
        child.send({ id, ask: writeJson(operation) } satisfies ToEngine);
      }),
    async [Symbol.asyncDispose]() {
      if (ended !== undefined) return;
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL'); // It holds nothing that must be ended in order.
      await exit;
    },
  };
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} was not ready in time.`)), COMPARE.startMs);
    const settle = (failure?: string): void => {
      clearTimeout(late);
      if (failure === undefined) resolve();
      else reject(new Error(`${name}: ${failure}`));
    };
    child.once('exit', () => settle(ended));
    child.on('message', (message: FromEngine) => {
      if ('outcome' in message) waiting.get(message.id)?.(parseExactJson(message.outcome) as Outcome);
      else settle('failed' in message ? message.failed : undefined);
    });
    child.send({ be: name, setting } satisfies ToEngine);
  }).catch(async (error: unknown) => {
    await side[Symbol.asyncDispose]();
    throw error;
  });
  return side;
}

/** A gateway that runs, asked over HTTP. */
export function runningSide(url: string, headers: Readonly<Record<string, string>>): Side {
  return {
    name: url,
    async ask({ query, operationName, variables }: RecordedOperation): Promise<Outcome> {
      const start = performance.now();
      try {
        const response = await request(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
          body: writeJson({ query, operationName, variables }),
          signal: AbortSignal.timeout(COMPARE.answerMs),
        });
        let text = '';
        for await (const chunk of response.body.setEncoding('utf8') as AsyncIterable<string>) {
          text += chunk;
          if (text.length > COMPARE.answerBytes)
            throw new Error(`Its answer is larger than ${COMPARE.answerBytes} bytes.`);
        }
        return { ...readAnswer(text, response.statusCode), ms: performance.now() - start };
      } catch (error) {
        return { failure: (error as Error).message, ms: performance.now() - start };
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function readAnswer(text: string, status: number): Pick<Outcome, 'answer' | 'failure'> {
  try {
    const answer = parseExactJson(text) as Answered | null;
    if (typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer)) return { answer };
  } catch {
    // Told below.
  }
  return { failure: `Its answer is not GraphQL (HTTP status ${status}).` };
}
