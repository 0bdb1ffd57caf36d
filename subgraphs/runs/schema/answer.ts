/** What `ask` has found: the answer of a run, as its output has it. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';

/** An answer, which the gateway alone writes. */
export interface Answer {
  text: string;
  outcome: 'ANSWERED' | 'UNCITED' | 'NOTHING_FOUND' | 'LIMIT_REACHED';
  limit: 'STEPS' | 'TOKENS' | 'MONEY' | 'TIME' | null;
  method: 'EXTRACTIVE' | 'MODEL';
  model: string | null;
  citations: Citation[];
  steps: number;
  inputTokens: number;
  outputTokens: number;
}

/** A passage that an answer rests on. */
export interface Citation {
  number: number;
  documentId: string;
  title: string | null;
  source: string | null;
  chunkId: string;
  quote: string;
  start: number;
  end: number;
  score: number;
}

/** @returns null for what is no answer */
export const answerOf = (output: JsonValue): Answer | null =>
  isJsonObject(output) && typeof output['text'] === 'string' && Array.isArray(output['citations'])
    ? (withPlainNumbers(output) as unknown as Answer)
    : null;

export type AnswerRefs = ReturnType<typeof addAnswerType>;

export function addAnswerType({ builder }: SubgraphSchema) {
  const Method = builder.enumType('AnswerMethod', {
    description: 'How a question is answered.',
    values: {
      EXTRACTIVE: { description: 'By sentences of the documents themselves; no chat model is asked.' },
      MODEL: { description: 'By the chat model, which searches and reads as often as it needs to; costs tokens.' },
    } as const,
  });
  const Outcome = builder.enumType('AnswerOutcome', {
    description: 'What became of a question.',
    values: {
      ANSWERED: { description: 'It is answered, and the answer cites the passages that it rests on.' },
      UNCITED: { description: 'The model answered and cites nothing that it was shown: no document vouches for it.' },
      NOTHING_FOUND: { description: 'No passage that the caller may read fits the question; `text` says so.' },
      LIMIT_REACHED: {
        description:
          'A limit (`limit`) ended the work of the model: the answer is made of sentences of what it had found by then.',
      },
    } as const,
  });
  const Limit = builder.enumType('AnswerLimit', {
    description: 'What ended the work of a model before it was done.',
    values: {
      STEPS: { description: 'It went on calling tools.' },
      TOKENS: { description: 'The tokens that one answer may take.' },
      MONEY: { description: "What the caller or the tenant may spend on models in a day, or the caller's rate." },
      TIME: { description: 'The time that one answer may take.' },
    } as const,
  });
  const Usage = builder.objectRef<Answer>('AnswerUsage').implement({
    description: 'What an answer took of the chat model.',
    fields: (t) => ({
      calls: t.int({ nullable: false, description: 'How often it was asked.', resolve: ({ steps }) => steps }),
      inputTokens: t.exposeInt('inputTokens', { nullable: false, description: 'Tokens that it read.' }),
      outputTokens: t.exposeInt('outputTokens', { nullable: false, description: 'Tokens that it wrote.' }),
    }),
  });
  const CitationType = builder.objectRef<Citation>('Citation').implement({
    description:
      'A passage that an answer rests on: it was found for the question, and its words are those of the document.',
    fields: (t) => ({
      number: t.exposeInt('number', { nullable: false, description: 'What it is called in the text: 2 for `[2]`.' }),
      documentId: t.exposeID('documentId', { nullable: false, description: "The document's id." }),
      title: t.exposeString('title', { description: 'Its title; null where it has none.' }),
      source: t.exposeString('source', { description: 'Where it comes from; null where nobody said.' }),
      chunkId: t.exposeID('chunkId', { nullable: false, description: 'The id of the chunk that was found.' }),
      quote: t.exposeString('quote', { nullable: false, description: "What is cited, in the chunk's own words." }),
      start: t.exposeInt('start', {
        nullable: false,
        description: "Where that begins in the chunk's text, in UTF-16 code units, as JavaScript counts.",
      }),
      end: t.exposeInt('end', { nullable: false, description: 'Behind its last character.' }),
      score: t.exposeFloat('score', {
        nullable: false,
        description:
          'How well the chunk matches what was searched for: 0 to 1, where 1 is best by meaning and by words.',
      }),
    }),
  });
  const Answer = builder.objectRef<Answer>('Answer').implement({
    description: 'What a question comes to.',
    fields: (t) => ({
      text: t.exposeString('text', {
        nullable: false,
        description: 'The answer, with the numbers of its citations in brackets, such as `[1]`.',
      }),
      outcome: t.expose('outcome', { type: Outcome, nullable: false, description: 'What became of the question.' }),
      limit: t.expose('limit', { type: Limit, description: 'Which limit was reached; null for none.' }),
      method: t.expose('method', { type: Method, nullable: false, description: 'How it was answered.' }),
      model: t.exposeString('model', { description: 'The model that answered; null for none.' }),
      citations: t.expose('citations', {
        type: [CitationType],
        nullable: { list: false, items: false },
        description: 'The passages that it rests on, in the order of their numbers.',
      }),
      usage: t.field({
        type: Usage,
        nullable: false,
        description: 'What it took of the chat model.',
        resolve: (answer) => answer,
      }),
    }),
  });
  return { Answer, Method };
}
