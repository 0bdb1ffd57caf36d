/** What the schema's fields do, apart from GraphQL: bounds, the model call, and the record of what it took. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Chat, EmbeddedAs, Reranker } from '#subgraphs/shared/ports.ts';
import { anonymousRefused, badUserInput, forbidden } from '#subgraphs/shared/errors.ts';
import { missingScopes, SPENDING } from '#subgraphs/shared/scopes.ts';
import type { ChatMessage, ChatRequest, ChatTool, ToolChoice } from '../driver.ts';
import { summarize } from '../summaries/in-thread.ts';
import { withPlainNumbers } from '#subgraphs/shared/exact-number.ts';
import { TOOL_NAME } from '#subgraphs/shared/tool-name.ts';
import { isJsonObject, type JsonValue } from '#subgraphs/shared/json.ts';
import { checkBetween } from '#subgraphs/shared/check-between.ts';
import { checkCount, checkText, checkTexts } from '../input.ts';
import { INFERENCE } from '../bounds.ts';
import { listModels, type ModelEntry } from './models.ts';
import { chatNotConfigured } from './not-configured.ts';
import { rerankByEmbedding, rerankByModel } from './rerank.ts';
import { streamGeneration, type GenerationDelta } from './stream.ts';
import { summarizeWithModel } from '../summaries/by-model.ts';
import type { InferenceDeps } from './deps.ts';
import type { Embedding, Generation, Reranking, Summary } from './results.ts';
import { plannedChat } from './planned-chat.ts';
import { charactersOf, charactersOfCalls, usageOf } from './usage.ts';

export interface GenerateRequest {
  messages: ChatMessage[];
  tools?: ChatTool[] | null;
  toolChoice?: ToolChoice | null;
  maxTokens?: number | null;
  temperature?: number | null;
  stop?: string[] | null;
}

/** The operations of the inference subgraph. `deps` is read when they run, never before. */
export function createService(deps: InferenceDeps) {
  return {
    async embed(context: RequestContext, input: readonly string[], as: EmbeddedAs = 'PASSAGE'): Promise<Embedding[]> {
      checkMaySpend(context);
      checkCount('`input`', input.length, INFERENCE.embedTexts);
      checkTexts('input', input, INFERENCE.embedCharacters);
      const { model, dimensions, vectors } = await deps.embedder.embed(context, input, as);
      return vectors.map((vector, index) => ({ index, model, dimensions, vector }));
    },

    models: (context: RequestContext): Promise<ModelEntry[]> => listModels(deps, context),

    async generate(context: RequestContext, input: GenerateRequest): Promise<Generation> {
      checkMaySpend(context);
      const request = checkRequest(input);
      if (deps.chat.model === undefined) throw chatNotConfigured();
      const inputCharacters = charactersOf(request);
      const planned = plannedChat(deps.chat, request);
      const { answer, begun } = await deps.spending.call(context, planned, () => deps.chat.generate(context, request));
      const outputCharacters = answer.text.length + answer.reasoning.length + charactersOfCalls(answer.toolCalls);
      await begun.took({
        operation: 'GENERATE',
        provider: deps.chat.provider,
        model: answer.model,
        counted: answer.usage,
        input: () => inputCharacters,
        output: () => outputCharacters,
        finishReason: answer.finishReason,
        text: () => answer.text,
      });
      return {
        ...answer,
        reasoning: answer.reasoning === '' ? null : answer.reasoning,
        usage: usageOf(answer.usage, inputCharacters, outputCharacters),
      };
    },

    async generateStream(
      context: RequestContext,
      input: GenerateRequest,
    ): Promise<AsyncIterableIterator<GenerationDelta>> {
      checkMaySpend(context);
      const request = checkRequest(input);
      // Refused at once, before a stream is open that could only fail.
      if (deps.chat.model === undefined) throw chatNotConfigured();
      const begun = await deps.spending.begin(context, plannedChat(deps.chat, request));
      return streamGeneration(deps.chat, begun, context, request);
    },

    async rerank(
      context: RequestContext,
      query: string,
      documents: readonly string[],
      first: number | null | undefined,
    ): Promise<Reranking> {
      checkMaySpend(context);
      checkText('`query`', query, INFERENCE.queryCharacters);
      checkCount('`documents`', documents.length, INFERENCE.rerankDocuments);
      checkTexts('documents', documents, INFERENCE.rerankCharacters);
      const count = checkBetween('`first`', first ?? documents.length, 1, INFERENCE.rerankDocuments);
      const served = deps.reranker && (await rerankByModel(deps.reranker, deps.spending, context, query, documents));
      const { method, model, results } = served
        ? ({ method: 'MODEL', ...served } as const)
        : ({ method: 'EMBEDDING', ...(await rerankByEmbedding(deps.embedder, context, query, documents)) } as const);
      return {
        method,
        model,
        results: results.slice(0, count).map((result) => ({ ...result, document: documents[result.index]! })),
      };
    },

    async summary(
      context: RequestContext,
      text: string | null | undefined,
      args: { maxSentences?: number | null; method?: 'EXTRACTIVE' | 'MODEL' | null },
    ): Promise<Summary | null> {
      const sentences = checkBetween(
        '`maxSentences`',
        args.maxSentences ?? INFERENCE.defaultSummarySentences,
        1,
        INFERENCE.summarySentences,
      );
      // The text's own store did not answer, or there is none: then there is nothing to sum up.
      if (text === null || text === undefined) return null;
      if (args.method === 'MODEL' && deps.chat.model !== undefined) {
        checkMaySpend(context);
        return summarizeWithModel(deps, context, text, sentences);
      }
      return { text: await summarize(deps.work, context, text, sentences), method: 'EXTRACTIVE', model: null };
    },
  };
}

/** What search is reranked by: the same as `Query.rerank`. */
export const rerankerOf = (deps: InferenceDeps): Reranker => ({
  rerank: (context, query, texts) => createService(deps).rerank(context, query, texts, undefined),
});

/** What other subgraphs have written: the same as `Query.generate`. */
export const chatOf = (deps: InferenceDeps): Chat => ({
  generate: (context, { messages, maxTokens }) =>
    createService(deps).generate(context, { messages: [...messages], maxTokens }),
});

/**
 * Models cost money: somebody has to answer for it. Fields that always ask one say so by `@requiresScopes` already; of others
 * an argument decides.
 */
function checkMaySpend({ principal }: RequestContext): void {
  if (principal.system === true) return;
  if (principal.anonymous === true) throw anonymousRefused('asks a model');
  if (!principal.scopes.includes(SPENDING))
    throw forbidden('The caller may not have a model work for him.', { hint: missingScopes(`the scope ${SPENDING}`) });
}

function checkRequest({ messages, tools, toolChoice, maxTokens, temperature, stop }: GenerateRequest): ChatRequest {
  checkCount('`messages`', messages.length, INFERENCE.messages);
  messages.forEach(checkMessage);
  checkTools(tools ?? []);
  if (toolChoice && !tools?.length)
    throw badUserInput('`toolChoice` is given without `tools`.', { hint: 'Give the tools, or leave it out.' });
  checkBetween(
    'The number of characters in `messages` and `tools`',
    charactersOf({ messages, tools: tools ?? [] }),
    1,
    INFERENCE.messageCharacters,
  );
  if (stop && stop.length > 0) checkCount('`stop`', stop.length, INFERENCE.stops);
  stop?.forEach((text, at) => checkBetween(`The length of \`stop[${at}]\``, text.length, 1, INFERENCE.stopCharacters));
  return {
    messages,
    ...(tools?.length ? { tools: tools.map(withPlainParameters) } : {}),
    ...(toolChoice ? { toolChoice } : {}),
    maxTokens: checkBetween('`maxTokens`', maxTokens ?? INFERENCE.defaultAnswerTokens, 1, INFERENCE.answerTokens),
    ...(temperature == null ? {} : { temperature: checkBetween('`temperature`', temperature, 0, 2) }),
    ...(stop && stop.length > 0 ? { stop } : {}),
  };
}

function checkMessage({ role, content, toolCalls, toolCallId }: ChatMessage, at: number): void {
  const what = `messages[${at}]`;
  if (toolCalls?.length) {
    if (role !== 'ASSISTANT') throw badUserInput(`\`${what}.toolCalls\`: only an ASSISTANT has calls made.`);
    checkCount(`\`${what}.toolCalls\``, toolCalls.length, INFERENCE.toolCalls);
    for (const [call, { id, name }] of toolCalls.entries()) {
      checkText(`\`${what}.toolCalls[${call}].id\``, id, INFERENCE.toolIdCharacters);
      checkToolName(`${what}.toolCalls[${call}].name`, name);
    }
  }
  if ((role === 'TOOL') !== (toolCallId != null && toolCallId !== ''))
    throw badUserInput(`\`${what}.toolCallId\` is the call that a TOOL message is the result of, and of no other's.`);
  // A call may have given nothing, and who has calls made need say nothing.
  if (content !== '' || !(role === 'TOOL' || toolCalls?.length))
    checkText(`\`${what}.content\``, content, INFERENCE.messageCharacters);
}

function checkTools(tools: readonly ChatTool[]): void {
  if (tools.length > 0) checkCount('`tools`', tools.length, INFERENCE.tools);
  tools.forEach(({ name, parameters }, at) => {
    checkToolName(`tools[${at}].name`, name);
    if (parameters === undefined || !isJsonObject(parameters as JsonValue))
      throw badUserInput(`\`tools[${at}].parameters\` is no JSON Schema of an object.`);
    if (tools.findIndex((other) => other.name === name) !== at)
      throw badUserInput(`\`tools[${at}].name\`: there are two tools of this name.`);
  });
}

/** Servers read numbers as doubles. */
const withPlainParameters = (tool: ChatTool): ChatTool => ({
  ...tool,
  parameters: withPlainNumbers(tool.parameters),
});

/** As all servers take them. */
function checkToolName(what: string, name: string): void {
  if (!TOOL_NAME.test(name)) throw badUserInput(`\`${what}\` must be 1 to 64 letters, digits, \`_\` and \`-\`.`);
}
