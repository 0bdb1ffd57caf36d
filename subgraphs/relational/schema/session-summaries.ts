/** What a session is in short, and what of it fits a model. */
import { checkBetween } from '#subgraphs/shared/check-between.ts';
import { connectionType, pageArguments, type PageArguments } from '#subgraphs/shared/connections.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { checkId, noSuch } from '#subgraphs/shared/ids.ts';
import { estimateTokens } from '#subgraphs/shared/tokens.ts';
import { RELATIONAL } from '../bounds.ts';
import type { MessageParts, MessageRow, SessionRow, SessionSummaryRow } from '../driver.ts';
import { checkText } from '../input.ts';
import { notTold, type SessionContext } from '../loaders.ts';
import { MODELS, type Model } from '../models/columns.ts';
import { parseFilter } from '../models/filters.ts';
import { parseOrder } from '../models/orders.ts';
import { fitted, type ToldMessage } from '../sessions/fitting.ts';
import { sumUp, type SaidMessage } from '../sessions/summing-up.ts';
import { pageOfChildren } from './children.ts';
import { checkRun, type Ref, type SchemaParts } from './entity.ts';
import { addMutation } from './mutation.ts';

interface Context extends Pick<SessionContext, 'summary'> {
  readonly messages: readonly ToldMessage[];
  readonly omitted: number;
}

export function addSummaries(parts: SchemaParts, role: unknown): void {
  const { subgraph, builder, types, stubs, loaders } = parts;
  const summary = builder.objectRef<SessionSummaryRow>('SessionSummary').implement({
    description: 'What was said in a session from its first message through a later one, in short. The messages stay.',
    fields: (t) => ({
      text: t.exposeString('text', { nullable: false, description: 'The summary, as plain text.' }),
      number: t.exposeInt('number', {
        nullable: false,
        description: "Counts the session's summaries, from 1: the last is its `summary`.",
      }),
      afterSequence: t.exposeInt('afterSequence', {
        nullable: false,
        description:
          'The `sequence` of the last message that the summary before covered, 0 where it is the first: what it adds to that is behind it, through `throughSequence`.',
      }),
      throughSequence: t.exposeInt('throughSequence', {
        nullable: false,
        description: 'The `sequence` of the last message that it covers.',
      }),
      tokens: t.exposeInt('tokens', {
        nullable: false,
        description: 'How many tokens it is to a model: an estimate, seldom too low.',
      }),
      model: t.exposeString('model', { description: 'The model that wrote it; null where the caller did.' }),
      author: t.exposeString('author', {
        description:
          'Whose it is: the subject of the token, or the id of the API key, that summed up, or had the model do so; null of those from before this was kept.',
      }),
      run: t.field({
        type: stubs.Run,
        description: 'The run that wrote it; null where nobody said.',
        resolve: ({ runId }) => (runId === null ? null : { id: runId }),
      }),
      createdAt: t.field({
        type: 'DateTime',
        nullable: false,
        description: 'When it was written.',
        resolve: (row) => row.createdAt,
      }),
    }),
  });
  const summaries = connectionType<SessionSummaryRow>(subgraph, 'SessionSummary', {
    node: summary,
    items: 'summaries of a session',
    totalCount: true,
  });
  // Not the message itself, whose content is the same wherever it is asked for, as clients that keep things by their ids expect.
  const told = builder.objectRef<ToldMessage>('SessionContextMessage').implement({
    description: 'A message as a model is told it.',
    fields: (t) => ({
      message: t.field({
        type: types.Message,
        nullable: false,
        description: 'The message, whole.',
        resolve: ({ message }) => message,
      }),
      sequence: t.int({
        nullable: false,
        description: "Counts the session's messages, from 1 without gaps.",
        resolve: ({ message }) => message.sequence,
      }),
      role: t.field({
        type: role as 'String',
        nullable: false,
        description: 'Who says it.',
        resolve: ({ message }) => message.role as never,
      }) as never,
      content: t.string({
        nullable: false,
        description:
          'What is said. Where it is `truncated`, the beginning of it, and a mark that says how much that is: `… [cut: the first 1,200 of 90,000 characters]`.',
        resolve: async ({ message, cut }, _, request) => cut ?? (await partsOf(message, request)).content,
      }),
      truncated: t.boolean({
        nullable: false,
        description:
          'Whether `content` is cut: of a message that alone is larger than `maxTokens`, or the newest where it has no room beside the summary.',
        resolve: ({ cut }) => cut !== undefined,
      }),
      name: t.string({
        description: 'The name of who says it, or of the tool; null where nobody said.',
        resolve: ({ message }) => message.name,
      }),
      toolCalls: t.field({
        type: 'JSON',
        description: 'The tools that an ASSISTANT calls, as a JSON list; null where it calls none. Never cut.',
        resolve: async ({ message }, _, request) => (await partsOf(message, request)).toolCalls,
      }),
      toolCallId: t.string({
        description: 'The call that a TOOL answers; null where it answers none.',
        resolve: ({ message }) => message.toolCallId,
      }),
      tokens: t.exposeInt('tokens', {
        nullable: false,
        description: 'How many tokens it is as it is told: an estimate, seldom too low.',
      }),
      createdAt: t.field({
        type: 'DateTime',
        nullable: false,
        description: 'When it was appended.',
        resolve: ({ message }) => message.createdAt,
      }),
    }),
  });
  const partsOf = async ({ id }: MessageRow, request: RequestContext): Promise<MessageParts> => {
    const parts = await loaders(request).messageParts.load(id);
    // Removed since its row was read.
    if (parts === null) throw noSuch('Message', id);
    return parts;
  };
  const context = builder.objectRef<Context>('SessionContext').implement({
    description: 'What of a session fits a model: its summary, and the newest messages behind what that covers.',
    fields: (t) => ({
      summary: t.field({
        type: summary,
        description: 'What the messages go on from; null where there is none, or it alone takes more than `maxTokens`.',
        resolve: (of) => of.summary,
      }),
      messages: t.field({
        directives: { listSize: { assumedSize: RELATIONAL.contextMessages } },
        type: [told],
        nullable: { list: false, items: false },
        description: `Oldest first, at most ${RELATIONAL.contextMessages}. They do not begin with what a tool answered to a call that is not among them. One that alone is larger than \`maxTokens\` is cut, so that it is there, and others beside it.`,
        resolve: (of) => [...of.messages],
      }),
      tokens: t.int({
        nullable: false,
        description: 'How many tokens all of it is: an estimate, seldom too low.',
        resolve: (of) => of.messages.reduce((sum, { tokens }) => sum + tokens, of.summary?.tokens ?? 0),
      }),
      omitted: t.exposeInt('omitted', {
        nullable: false,
        description:
          'How many messages are neither told nor covered by the summary: of them the model hears nothing. `summarizeSession` makes it fewer.',
      }),
    }),
  });
  builder.objectFields(types.Session as Ref<SessionRow>, (t) => ({
    summary: t.field({
      type: summary,
      description: 'What was said, in short; null where nobody has summed it up.',
      resolve: ({ id }, _, request) => loaders(request).sessionSummary.load(id),
    }),
    summaries: t.field({
      type: summaries,
      description: `The summaries that there were, the newest first: \`summary\`, and those whose place others took. The last ${RELATIONAL.summariesKept} are kept, for as long as the session is.`,
      args: pageArguments(t.arg as never),
      resolve: async ({ id }, args: PageArguments, request, info) => {
        const page = await pageOfChildren(
          'sessions.summaries',
          args,
          ({ number }: SessionSummaryRow) => number,
          (slice) => loaders(request).summariesOf(slice).load(id),
          info,
        );
        // They count from 1 without gaps, and the oldest of many are removed.
        const totalCount = async () => {
          const newest = await loaders(request).sessionSummary.load(id);
          return Math.min(newest?.number ?? 0, RELATIONAL.summariesKept);
        };
        return { ...page, totalCount };
      },
    }),
    context: t.field({
      type: context,
      // As many rows are looked at.
      directives: { cost: { weight: RELATIONAL.contextMessages } },
      description: 'What of it fits a model, in one call.',
      args: {
        maxTokens: t.arg.int({
          description: `1 to ${RELATIONAL.contextTokens.toLocaleString('en')}; ${RELATIONAL.contextTokensDefault.toLocaleString('en')} when absent.`,
        }),
      },
      resolve: async ({ id, messageCount }, { maxTokens }, request) => {
        const most = checkBetween(
          '`maxTokens`',
          maxTokens ?? RELATIONAL.contextTokensDefault,
          1,
          RELATIONAL.contextTokens,
        );
        const { summary, messages } = await loaders(request).sessionContext(most).load(id);
        const room = most - (summary?.tokens ?? 0);
        const told = await fitted(messages, { room, maxTokens: most }, (message) =>
          loaders(request).messageParts.load(message.id),
        );
        return withoutBareAnswers(summary, told, Math.max(messageCount, messages.at(-1)?.sequence ?? 0));
      },
    }),
  }));
  addSummarize(parts, summary as Ref<SessionSummaryRow>);
}

/** Providers refuse a conversation that begins with the answer to a call that they do not see. */
function withoutBareAnswers(
  summary: SessionSummaryRow | null,
  messages: readonly ToldMessage[],
  last: number,
): Context {
  const from = messages.findIndex(({ message }) => message.role !== 'TOOL');
  const told = from === -1 ? [] : messages.slice(from);
  const before = told[0] === undefined ? last : told[0].message.sequence - 1;
  return { summary, messages: told, omitted: before - (summary?.throughSequence ?? 0) };
}

interface Input {
  sessionId: string;
  text?: string | null;
  throughSequence?: number | null;
  maxTokens?: number | null;
  runId?: string | null;
}

function addSummarize(parts: SchemaParts, type: Ref<SessionSummaryRow>): void {
  const { types, driver, chat, loaders } = parts;
  type Summarized = { session: SessionRow; summary: SessionSummaryRow | null };
  addMutation<Input, Summarized>(parts, 'summarizeSession', {
    takes: 'memory:write',
    weight: WEIGHT.model,
    description:
      'Sums up what was said in a session, in the place of the summary before, which `summaries` keeps: with the `text` that you have written, or, without it, by the chat model, which is told the summary before and the ' +
      `messages behind it, takes the scope \`models:use\` and costs tokens. A call sums up ${RELATIONAL.summedUp} messages at the most: call again while \`throughSequence\` has not come far enough. ` +
      '`STORE_DISABLED` where no model is configured; nothing stands in for it.',
    input: 'What to sum up.',
    inputFields: (t) => ({
      sessionId: t.id({ required: true, description: 'The session.' }),
      text: t.string({
        description: `The summary, of all from the first message through \`throughSequence\`: at most ${RELATIONAL.summaryCharacters.toLocaleString('en')} characters; the chat model writes it when absent.`,
      }),
      throughSequence: t.int({
        description: `The last message that it covers. Needed with \`text\`; without it, the newest ${RELATIONAL.summaryKeeps} messages are left out when absent.`,
      }),
      maxTokens: t.int({
        description: `The longest summary that the model may write: 1 to ${RELATIONAL.summaryTokens}; ${RELATIONAL.summaryTokensDefault} when absent. Not with \`text\`.`,
      }),
      runId: t.id({ description: 'The run that writes it.' }),
    }),
    payload: 'The session that was summed up.',
    payloadFields: (t) => ({
      session: t.field({
        type: types.Session,
        nullable: false,
        description: 'The session.',
        resolve: ({ session }) => session,
      }),
      summary: t.field({
        type,
        description: 'Its summary; the one before, or null, where there was nothing new to sum up.',
        resolve: (payload) => payload.summary,
      }),
    }),
    run: async (input, context) => {
      const sessionId = checkId('Session', input.sessionId);
      const runId = await checkRun(parts, context, input.runId);
      const summed = input.text == null ? await byModel(input, context) : byCaller(input.text, input);
      if ('session' in summed) return summed;
      const tokens = estimateTokens(summed.text);
      return await driver().summarizeSession(
        context,
        { ...summed, sessionId, tokens, runId },
        RELATIONAL.summariesKept,
      );
    },
  });

  const byCaller = (given: string, { throughSequence, maxTokens }: Input) => {
    if (throughSequence == null)
      throw badUserInput('`throughSequence` is needed with `text`.', {
        hint: 'Say the `sequence` of the last message that you have summed up.',
      });
    if (maxTokens != null) throw badUserInput('`maxTokens` is for the chat model; leave it out with `text`.');
    const text = checkText('text', given, { max: RELATIONAL.summaryCharacters });
    return {
      text,
      throughSequence: checkBetween('`throughSequence`', throughSequence, 1, RELATIONAL.sessionMessages),
      model: null,
    };
  };

  const byModel = async ({ sessionId, throughSequence, maxTokens }: Input, context: RequestContext) => {
    const most = checkBetween('`maxTokens`', maxTokens ?? RELATIONAL.summaryTokensDefault, 1, RELATIONAL.summaryTokens);
    const session = await loaders(context).byId.Session.load(sessionId);
    if (session === null) throw noSuch('Session', sessionId);
    const before = await loaders(context).sessionSummary.load(sessionId);
    if (throughSequence != null && (throughSequence < 1 || throughSequence > session.messageCount))
      throw badUserInput(`The session has no message ${throughSequence}; its last is ${session.messageCount}.`);
    const through = throughSequence ?? session.messageCount - RELATIONAL.summaryKeeps;
    const behind = before?.throughSequence ?? 0;
    if (through <= behind) return { session, summary: before };
    const messages = await saidIn(context, await messagesOf(context, sessionId, behind, through));
    // A replica may not have them yet.
    if (messages.length === 0) return { session, summary: before };
    return await sumUp(chat() ?? notTold('The chat model', 'inference'), context, before?.text, messages, most);
  };

  /** With the beginnings of what they say. */
  const saidIn = async (context: RequestContext, rows: readonly MessageRow[]): Promise<SaidMessage[]> => {
    const bounds = { bytes: RELATIONAL.messagePartBytes, characters: RELATIONAL.summedUpMessage + 1 };
    const ids = rows.map(({ id }) => id);
    const parts = new Map((await driver().messageParts(context, ids, bounds)).map(({ id, parts }) => [id, parts]));
    // Those behind the bytes are summed up by the next call.
    const upTo = rows.findIndex(({ id }) => parts.get(id) == null);
    return rows.slice(0, upTo === -1 ? rows.length : upTo).map((row) => ({ ...row, ...parts.get(row.id)! }));
  };

  const messagesOf = async (
    context: RequestContext,
    id: string,
    behind: number,
    through: number,
  ): Promise<MessageRow[]> => {
    const model = MODELS.Message as Model;
    return await driver().list(context, 'Message', {
      where: parseFilter(model, { sessionId: { eq: id }, sequence: { gt: behind, lte: through } }),
      order: parseOrder(model, undefined, { field: 'sequence', direction: 'ASC' }),
      after: undefined,
      limit: RELATIONAL.summedUp,
    });
  };
}
