/** The process of one engine: so that the CPU time that it takes is its own, and what it loads stays with it. */
import { parse, validate, type ExecutionResult } from 'graphql';
import { parseExactJson, writeJson } from '#subgraphs/shared/exact-number.ts';
import { apolloGateway } from './apollo-gateway.ts';
import { COMPARE } from './bounds.ts';
import type { Answered, EngineOfSide, EngineSetting, Outcome, RecordedOperation } from './side.ts';
import { tributary } from './tributary.ts';

/** What it is told: what to be, then what to answer, as JSON: messages would make doubles of numbers that are none. */
export type ToEngine =
  | { readonly be: keyof typeof ENGINES; readonly setting: EngineSetting }
  | { readonly id: number; readonly ask: string };
/** What it says; what came of an operation as JSON too. */
export type FromEngine =
  { readonly ready: true } | { readonly failed: string } | { readonly id: number; readonly outcome: string };

export const ENGINES = { tributary, '@apollo/gateway': apolloGateway } as const;

let engine: EngineOfSide | undefined;
const say = (message: FromEngine): void => void process.send?.(message);

async function outcomeOf(asked: EngineOfSide, operation: RecordedOperation): Promise<Outcome> {
  asked.takeFetches();
  const cpu = process.cpuUsage();
  const start = performance.now();
  let answered: Pick<Outcome, 'answer' | 'failure'>;
  try {
    answered = { answer: await answerOf(asked, operation) };
  } catch (error) {
    answered = { failure: (error as Error).message };
  }
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ...answered, ms, cpuMs: (user + system) / 1_000, fetches: asked.takeFetches() };
}

/** As a client reads it. */
async function answerOf({ schema, execute }: EngineOfSide, operation: RecordedOperation): Promise<Answered> {
  const document = parse(operation.query);
  const faults = validate(schema, document);
  const result: ExecutionResult =
    faults.length > 0 ? { errors: faults } : await execute(document, operation, AbortSignal.timeout(COMPARE.answerMs));
  return parseExactJson(writeJson(result)) as Answered;
}

process.on('message', (message: ToEngine) => {
  if ('be' in message) {
    ENGINES[message.be](message.setting).then(
      (made) => {
        engine = made;
        say({ ready: true });
      },
      (error: unknown) => say({ failed: whyNot(error) }),
    );
  } else {
    const { id, ask } = message;
    void outcomeOf(engine!, parseExactJson(ask) as RecordedOperation).then((outcome) =>
      say({ id, outcome: writeJson(outcome) }),
    );
  }
});
process.on('disconnect', () => process.exit(0));

function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' && message.includes('@apollo/gateway')
    ? '@apollo/gateway is not installed: it is a development dependency. Run node ops/install.mjs.'
    : message;
}
