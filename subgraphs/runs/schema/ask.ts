/** `ask`: starts a run that the gateway itself works on, and `takeQuestion`, by which it comes by them. */
import type { ObjectRef } from '@pothos/core';
import { inputHash } from '#subgraphs/shared/input-hash.ts';
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { requireSystem, type RequestContext } from '#subgraphs/shared/context.ts';
import { checkBetween } from '#subgraphs/shared/check-between.ts';
import { badUserInput, forbidden } from '#subgraphs/shared/errors.ts';
import { checkJson, type JsonValue } from '#subgraphs/shared/json.ts';
import { missingScopes, SPENDING, takes } from '#subgraphs/shared/scopes.ts';
import { RUNS } from '../bounds.ts';
import { LEASE_LIMITS, type Run, type TakenQuestion } from '../driver.ts';
import { checkText } from '../input.ts';
import type { AnswerRefs } from './answer.ts';
import { referenceTo, type RunReference } from './run-reference.ts';
import type { RunsSchemaDeps } from './deps.ts';

export function addAsk(
  { builder, shared }: SubgraphSchema,
  deps: RunsSchemaDeps,
  run: ObjectRef<any, RunReference>, // eslint-disable-line @typescript-eslint/no-explicit-any -- Pothos' own parameter
  answers: Pick<AnswerRefs, 'Method'>,
): void {
  const AskFilter = builder.inputRef<object>('AskFilter');
  AskFilter.implement({
    description: 'Which documents a question is answered from. All that is given must hold.',
    fields: (t) => ({
      and: t.field({ type: [AskFilter], description: 'All of these must match.' }),
      or: t.field({
        type: [AskFilter],
        description: 'At least one of these must match; an empty list matches nothing.',
      }),
      not: t.field({ type: AskFilter, description: 'Must not match this.' }),
      documentId: t.field({ type: shared.IdFilter, description: "Conditions on the document's id." }),
      collection: t.field({
        type: shared.StringFilter,
        description: 'Conditions on the collection that it is in, such as `notes`.',
      }),
      source: t.field({
        type: shared.StringFilter,
        description: 'Conditions on its source, such as `notes/field.md`.',
      }),
      mediaType: t.field({
        type: shared.StringFilter,
        description: 'Conditions on its media type, such as `text/markdown`.',
      }),
      metadata: t.field({
        type: [shared.MetadataFilter],
        description: 'Conditions on its metadata; all of them must hold.',
      }),
    }),
  });
  const AskInput = builder.inputType('AskInput', {
    description: 'A question.',
    fields: (t) => ({
      question: t.string({
        required: true,
        description: `What is asked, in a few words or whole sentences: up to ${RUNS.askCharacters} characters.`,
      }),
      first: t.int({
        description: `How many passages a search for it finds at most: 1 to ${RUNS.mostAskPassages}; ${RUNS.askPassages} when absent.`,
      }),
      where: t.field({ type: AskFilter, description: 'Which documents it is answered from; all when absent.' }),
      method: t.field({
        type: answers.Method,
        description:
          'How: by the chat model where there is one and the caller has the scope `models:use`, else EXTRACTIVE, when absent. MODEL takes that scope, and is EXTRACTIVE where no chat model is configured; the answer says what was used.',
      }),
      waitSeconds: t.int({
        description: `How long to wait for the answer before the run is returned as it stands then: 0 to ${RUNS.mostAskSeconds}; 0 when absent.`,
      }),
      threadId: t.id({
        description: 'The `threadId` of the run, at most 200 characters; its own id when absent.',
      }),
      idempotencyKey: t.string({
        description:
          'At most 200 characters. The same user asking again with the same key and question has the same run.',
      }),
    }),
  });
  const AskPayload = builder.objectRef<{ run: Run }>('AskPayload').implement({
    description: 'What `ask` did.',
    fields: (t) => ({
      run: t.field({
        type: run,
        nullable: false,
        description: 'The run: its events tell how it goes on, its `answer` what came of it.',
        resolve: (payload) => referenceTo(payload.run),
      }),
    }),
  });
  builder.mutationField('ask', (t) =>
    t.field({
      directives: { cost: { weight: WEIGHT.model }, ...takes('runs:write') },
      type: AskPayload,
      description:
        'Asks a question of the documents that the caller may read, and answers it with citations: a run that the gateway works on. Follow it by `runEvents` ' +
        '(the text as it is written, the searches, a CUSTOM event `citation` for each passage), or wait and read `run.answer`; `cancelRun` ends it.',
      args: { input: t.arg({ type: AskInput, required: true, description: 'The question.' }) },
      resolve: async (_root, { input }, context) => {
        const question = checkText('question', input.question, RUNS.askCharacters)!;
        if (question.trim() === '') throw badUserInput('`question` is empty.');
        const first = checkBetween('`first`', input.first ?? RUNS.askPassages, 1, RUNS.mostAskPassages);
        const seconds = checkBetween('`waitSeconds`', input.waitSeconds ?? 0, 0, RUNS.mostAskSeconds);
        const method = input.method ?? null;
        const { roles, scopes, expiresAt } = context.principal;
        if (method === 'MODEL' && !scopes.includes(SPENDING))
          throw forbidden('The caller may not have a model work for him.', {
            hint: missingScopes(`the scope ${SPENDING}`),
          });
        const key = checkText('idempotencyKey', input.idempotencyKey);
        const started = await deps.driver.start(context, {
          threadId: checkText('threadId', input.threadId),
          input: checkJson({ question, first, where: (input.where ?? null) as JsonValue, method }),
          // Of agents' runs it is one for all who start them; what one user asks is no other's.
          idempotencyKey: key === null ? null : `ask ${inputHash({ subject: context.principal.subject, key })}`,
          asker: { roles, scopes, ...(expiresAt === undefined ? {} : { expiresAt }) },
        });
        deps.asked?.();
        return { run: seconds === 0 ? started : await ended(deps, context, started, seconds) };
      },
    }),
  );

  const TakenQuestionType = builder.objectRef<TakenQuestion>('TakenQuestion').implement({
    description: 'A question that the gateway answers.',
    inaccessible: true,
    fields: (t) => ({
      runId: t.id({ nullable: false, description: 'Its run.', resolve: (taken) => taken.run.id }),
      input: t.field({ type: 'JSON', description: 'What is asked.', resolve: (taken) => taken.run.input }),
      token: t.exposeString('token', { nullable: false, description: 'The token of the lease.' }),
      tenantId: t.exposeString('tenantId', { nullable: false, description: 'Of whom.' }),
      subject: t.string({ nullable: false, description: 'By whom.', resolve: (taken) => taken.asker.subject }),
      roles: t.stringList({ nullable: false, description: 'His roles.', resolve: (taken) => [...taken.asker.roles] }),
      scopes: t.stringList({
        nullable: false,
        description: 'His scopes.',
        resolve: (taken) => [...taken.asker.scopes],
      }),
      expiresAt: t.float({
        description: 'Until when they hold, in milliseconds since 1970.',
        resolve: (taken) => taken.asker.expiresAt,
      }),
    }),
  });
  builder.mutationField('takeQuestion', (t) =>
    t.field({
      type: TakenQuestionType,
      inaccessible: true,
      description: 'Takes the question that waits longest of a tenant, of any; null where none waits.',
      args: {
        leaseSeconds: t.arg.int({ required: true, description: 'How long the lease lasts.' }),
        except: t.arg.stringList({ description: 'Tenants of whom none is taken now.' }),
      },
      resolve: async (_root, { leaseSeconds, except }, context) => {
        requireSystem(context);
        const { min, max } = LEASE_LIMITS.seconds;
        return await deps.driver.takeQuestion(
          context,
          checkBetween('`leaseSeconds`', leaseSeconds, min, max),
          except ?? [],
        );
      },
    }),
  );
}

/** The run once it has ended, or as it stands when the time is up. */
async function ended(deps: RunsSchemaDeps, context: RequestContext, run: Run, seconds: number): Promise<Run> {
  const stream = await deps.hub.follow(context, run.id, { after: 0, types: [] });
  const timer = setTimeout(() => void stream.return(), seconds * 1000);
  try {
    for await (const _ of stream); // Its only event is the last one.
  } finally {
    clearTimeout(timer);
    await stream.return();
  }
  const [now] = await deps.driver.runsById(context, [run.id]);
  return now ?? run;
}
