/** The inference subgraph's part of the API: embeddings, generation, reranking and summaries. */
import type { GraphQLSchema } from 'graphql';
import { createSubgraphSchema } from '#subgraphs/shared/builder.ts';
import { WEIGHT } from '#subgraphs/shared/cost.ts';
import { takes } from '#subgraphs/shared/scopes.ts';
import { INFERENCE } from '../bounds.ts';
import type { ChatTool, ToolCall } from '../driver.ts';
import type { ModelEntry } from '../calls/models.ts';
import { createService, type GenerateRequest } from '../calls/service.ts';
import type { Embedding, Generation, GenerationUsage, Reranking, Summary } from '../calls/results.ts';
import type { InferenceDeps } from '../calls/deps.ts';
import type { GenerationDelta } from '../calls/stream.ts';

/** Builds the schema; `deps` is only read when fields are resolved. */
export function buildSchema(deps: InferenceDeps): GraphQLSchema {
  const subgraph = createSubgraphSchema({ query: true, subscription: true });
  const { builder } = subgraph;
  const service = createService(deps);

  const embedding = builder.objectRef<Embedding>('Embedding').implement({
    description: 'A text as a vector: texts with a small angle between their vectors are alike.',
    fields: (t) => ({
      index: t.exposeInt('index', { nullable: false, description: 'The place of the text in `input`, from 0.' }),
      model: t.exposeString('model', {
        nullable: false,
        description: 'The model that made it; vectors of different models cannot be compared.',
      }),
      dimensions: t.exposeInt('dimensions', { nullable: false, description: 'The length of the vector.' }),
      vector: t.field({
        type: ['Float'],
        nullable: { list: false, items: false },
        description: 'The vector, of length 1 (L2-normalised): the dot product of two is their cosine.',
        resolve: ({ vector }) => Array.from(vector),
      }),
    }),
  });

  const embeddedAs = builder.enumType('EmbeddedAs', {
    description: 'What a text is to a search.',
    values: {
      PASSAGE: { description: 'One that is to be found, as chunks are.' },
      QUERY: { description: 'What is asked, to find passages by.' },
    } as const,
  });

  const modelKind = builder.enumType('ModelKind', {
    description: 'What a model does.',
    values: {
      EMBEDDING: { description: 'Turns texts into vectors.' },
      CHAT: { description: 'Answers messages with text.' },
      RERANK: { description: 'Scores how well documents answer a query.' },
    } as const,
  });

  const model = builder.objectRef<ModelEntry>('Model').implement({
    description: 'A model that this API uses, or that its model server serves besides.',
    fields: (t) => ({
      id: t.exposeID('id', { nullable: false, description: 'The name of the model.' }),
      kind: t.expose('kind', { type: modelKind, nullable: false, description: 'What the model does.' }),
      provider: t.exposeString('provider', {
        nullable: false,
        description: 'Who runs it: `built-in`, or the host of the model server.',
      }),
      available: t.exposeBoolean('available', { nullable: false, description: 'Whether it can be used now.' }),
      detail: t.exposeString('detail', {
        description: 'What the model is used for, or why it cannot be used; null where there is no more to say.',
      }),
    }),
  });

  const role = builder.enumType('ChatRole', {
    description: 'Who says a message.',
    values: {
      SYSTEM: { description: 'Instructions for the model.' },
      USER: { description: 'The person or agent that asks.' },
      ASSISTANT: { description: 'An earlier answer of the model.' },
      TOOL: { description: 'The result of a call that the model wanted made.' },
    } as const,
  });

  const toolCallInput = builder.inputRef<ToolCall>('ChatToolCallInput').implement({
    description: 'A call of a tool that the model wanted made, as its answer told it.',
    fields: (t) => ({
      id: t.string({ required: true, description: 'Its id.' }),
      name: t.string({ required: true, description: "The tool's name." }),
      arguments: t.string({ required: true, description: 'Its arguments as JSON text.' }),
    }),
  });

  const toolInput = builder.inputRef<ChatTool>('ChatToolInput').implement({
    description: 'A function that the model may ask to have called. Nobody here calls it: whoever asks does.',
    fields: (t) => ({
      name: t.string({
        required: true,
        description: 'Its name: 1 to 64 letters, digits, `_` and `-`, none like another.',
      }),
      description: t.string({ description: 'What it does, and when to call it: the model goes by this.' }),
      parameters: t.field({ type: 'JSON', required: true, description: 'Its arguments, as JSON Schema of an object.' }),
    }),
  });

  const toolChoice = builder.enumType('ToolChoice', {
    description: 'Whether the model may call tools.',
    values: {
      AUTO: { description: 'As it sees fit.' },
      NONE: { description: 'It must not.' },
      REQUIRED: { description: 'It must call at least one.' },
    } as const,
  });

  const message = builder.inputRef<GenerateRequest['messages'][number]>('ChatMessageInput').implement({
    description: 'A message of a conversation.',
    fields: (t) => ({
      role: t.field({ type: role, required: true, description: 'Who says it.' }),
      content: t.string({
        required: true,
        description: 'What is said. It may be empty with `toolCalls`, and where a call gave nothing.',
      }),
      toolCalls: t.field({
        type: [toolCallInput],
        description: `Of an ASSISTANT: the calls that it wanted made, up to ${INFERENCE.toolCalls}. The result of each follows as a TOOL message.`,
      }),
      toolCallId: t.string({ description: 'Of a TOOL message: the id of the call that it is the result of.' }),
    }),
  });

  const generateInput = builder.inputRef<GenerateRequest>('GenerateInput').implement({
    description: 'A conversation for the chat model to continue.',
    fields: (t) => ({
      messages: t.field({
        type: [message],
        required: true,
        description: `The conversation, oldest first: up to ${INFERENCE.messages} messages with ${INFERENCE.messageCharacters} characters together.`,
      }),
      tools: t.field({
        type: [toolInput],
        description: `What the model may ask to have called: up to ${INFERENCE.tools} tools. Its calls are in the answer's \`toolCalls\`; send them back with their results to have it go on. Models without tools refuse.`,
      }),
      toolChoice: t.field({
        type: toolChoice,
        description: 'Whether it may, must not or must call one; AUTO when absent.',
      }),
      maxTokens: t.int({
        description: `The longest answer in tokens: 1 to ${INFERENCE.answerTokens}; ${INFERENCE.defaultAnswerTokens} when absent.`,
      }),
      temperature: t.float({
        description: "0 (always the likeliest next token) to 2; the model's default when absent.",
      }),
      stop: t.stringList({
        description: `Up to ${INFERENCE.stops} texts of up to ${INFERENCE.stopCharacters} characters at which the answer ends, without them.`,
      }),
    }),
  });

  const finishReason = builder.enumType('FinishReason', {
    description: 'Why an answer ended.',
    values: {
      STOP: { description: 'The model was done, or met a `stop` text.' },
      LENGTH: { description: "It reached `maxTokens` or the model's own limit: the answer is cut off." },
      TOOL_CALLS: { description: 'The model wants tools called before it goes on.' },
      CONTENT_FILTER: { description: "The provider's filter withheld the rest." },
      REFUSED: { description: 'The model declined to answer; the text says so.' },
      OTHER: { description: 'The provider named another reason, or none.' },
    } as const,
  });

  const usage = builder.objectRef<GenerationUsage>('GenerationUsage').implement({
    description: 'The tokens that a generation took.',
    fields: (t) => ({
      inputTokens: t.exposeInt('inputTokens', { nullable: false, description: 'Tokens of the messages.' }),
      outputTokens: t.exposeInt('outputTokens', { nullable: false, description: 'Tokens of the answer.' }),
      estimated: t.exposeBoolean('estimated', {
        nullable: false,
        description: 'True where the provider counted none, and the figures are a quarter of the characters.',
      }),
    }),
  });

  const toolCall = builder.objectRef<ToolCall>('GeneratedToolCall').implement({
    description: 'A call of a tool that the model wants made.',
    fields: (t) => ({
      id: t.exposeString('id', { nullable: false, description: 'What its result is sent back under (`toolCallId`).' }),
      name: t.exposeString('name', { nullable: false, description: "The tool's name, as the model wrote it." }),
      arguments: t.exposeString('arguments', {
        nullable: false,
        description: 'Its arguments as JSON text, as the model wrote it: check it before use.',
      }),
    }),
  });

  const generation = builder.objectRef<Generation>('Generation').implement({
    description: 'An answer of the chat model.',
    fields: (t) => ({
      text: t.exposeString('text', { nullable: false, description: 'The answer, without the reasoning.' }),
      reasoning: t.exposeString('reasoning', {
        description: 'What the model thought before it answered; null where it says nothing of it.',
      }),
      toolCalls: t.expose('toolCalls', {
        type: [toolCall],
        nullable: { list: false, items: false },
        description: 'What the model wants called before it goes on; empty where it wants nothing.',
      }),
      model: t.exposeString('model', { nullable: false, description: 'The model that answered.' }),
      finishReason: t.expose('finishReason', {
        type: finishReason,
        nullable: false,
        description: 'Why the answer ended.',
      }),
      usage: t.expose('usage', { type: usage, nullable: false, description: 'The tokens that it took.' }),
    }),
  });

  const delta = builder.objectRef<GenerationDelta>('GenerationDelta').implement({
    description: 'A piece of an answer that is being generated.',
    fields: (t) => ({
      delta: t.exposeString('delta', {
        nullable: false,
        description: 'The text to append; empty in the last piece, and in pieces of reasoning.',
      }),
      reasoning: t.exposeString('reasoning', {
        description:
          'The next piece of what the model thinks before it answers; null in other pieces. AG-UI has REASONING_MESSAGE_CONTENT for it.',
      }),
      done: t.exposeBoolean('done', {
        nullable: false,
        description: 'True in the last piece, which comes exactly once.',
      }),
      toolCalls: t.expose('toolCalls', {
        type: [toolCall],
        nullable: { list: true, items: false },
        description: 'What the model wants called before it goes on; null in all pieces but the last.',
      }),
      finishReason: t.expose('finishReason', {
        type: finishReason,
        description: 'Why the answer ended; null in all pieces but the last.',
      }),
      usage: t.expose('usage', {
        type: usage,
        description: 'The tokens that it took; null in all pieces but the last.',
      }),
    }),
  });

  const rerankMethod = builder.enumType('RerankMethod', {
    description: 'How documents were scored.',
    values: {
      MODEL: { description: "By a reranking model of the model server; scores are the model's own." },
      EMBEDDING: {
        description: 'By the cosine of the embeddings of query and document, since no reranking model is served.',
      },
    } as const,
  });

  const reranked = builder.objectRef<Reranking['results'][number]>('RerankedDocument').implement({
    description: 'A document with its score.',
    fields: (t) => ({
      index: t.exposeInt('index', {
        nullable: false,
        description: 'The place of the document in `documents`, from 0.',
      }),
      score: t.exposeFloat('score', {
        nullable: false,
        description: 'How well it answers the query; comparable within this answer only.',
      }),
      document: t.exposeString('document', { nullable: false, description: 'The document as it was given.' }),
    }),
  });

  const reranking = builder.objectRef<Reranking>('Reranking').implement({
    description: 'Documents in the order in which they answer a query.',
    fields: (t) => ({
      method: t.expose('method', { type: rerankMethod, nullable: false, description: 'How they were scored.' }),
      model: t.exposeString('model', {
        description: 'The model that was used; null where its server does not name it.',
      }),
      results: t.expose('results', {
        type: [reranked],
        nullable: { list: false, items: false },
        description: 'The best documents, best first.',
      }),
    }),
  });

  builder.queryFields((t) => ({
    embed: t.field({
      directives: { cost: { weight: WEIGHT.embedding }, ...takes('models:use') },
      type: [embedding],
      nullable: { list: true, items: false },
      description: 'Embeds texts with the model that search uses: one vector for each text, in order.',
      args: {
        input: t.arg.stringList({
          required: true,
          description: `1 to ${INFERENCE.embedTexts} texts of up to ${INFERENCE.embedCharacters} characters, none of them empty.`,
        }),
        as: t.arg({
          type: embeddedAs,
          defaultValue: 'PASSAGE',
          description: 'What the texts are. Some models are trained to be told.',
        }),
      },
      resolve: (_root, { input, as }, context) => service.embed(context, input, as ?? undefined),
    }),
    models: t.field({
      type: [model],
      nullable: { list: true, items: false },
      description: 'The models that this API uses, then the others that its model server serves.',
      resolve: (_root, _args, context) => service.models(context),
    }),
    generate: t.field({
      directives: { cost: { weight: WEIGHT.model }, ...takes('models:use') },
      type: generation,
      description:
        'Asks the chat model, once: a failure is never retried, nothing is cached. Tokens are recorded as usage.',
      args: { input: t.arg({ type: generateInput, required: true, description: 'The conversation.' }) },
      resolve: (_root, { input }, context) => service.generate(context, input),
    }),
    rerank: t.field({
      directives: { cost: { weight: WEIGHT.model }, ...takes('models:use') },
      type: reranking,
      description: 'Orders documents by how well they answer a query; says by which method.',
      args: {
        query: t.arg.string({
          required: true,
          description: `The query: up to ${INFERENCE.queryCharacters} characters.`,
        }),
        documents: t.arg.stringList({
          required: true,
          description: `1 to ${INFERENCE.rerankDocuments} documents of up to ${INFERENCE.rerankCharacters} characters, none of them empty.`,
        }),
        first: t.arg.int({
          description: `How many of the best to return: 1 to ${INFERENCE.rerankDocuments}; all when absent.`,
        }),
      },
      resolve: (_root, { query, documents, first }, context) => service.rerank(context, query, documents, first),
    }),
  }));

  builder.subscriptionFields((t) => ({
    generateStream: t.field({
      directives: { cost: { weight: WEIGHT.model }, ...takes('models:use') },
      type: delta,
      description:
        'Asks the chat model and sends the answer as it is made. Ending the subscription ends the generation.',
      args: { input: t.arg({ type: generateInput, required: true, description: 'The conversation.' }) },
      subscribe: (_root, { input }, context) => service.generateStream(context, input),
      resolve: (piece) => piece,
    }),
  }));

  const summaryMethod = builder.enumType('SummaryMethod', {
    description: 'How a summary is made.',
    values: {
      EXTRACTIVE: { description: 'Sentences of the document itself, chosen by TextRank; costs no tokens.' },
      MODEL: { description: 'Written by the chat model; costs tokens for every document.' },
    } as const,
  });

  const summary = builder.objectRef<Summary>('Summary').implement({
    description: 'What a document is about, in a few sentences.',
    fields: (t) => ({
      text: t.exposeString('text', {
        nullable: false,
        description: 'The summary, as plain text; empty for a document without prose.',
      }),
      method: t.expose('method', { type: summaryMethod, nullable: false, description: 'How it was made.' }),
      model: t.exposeString('model', { description: 'The model that wrote it; null for `EXTRACTIVE`.' }),
    }),
  });

  // `text` is the relational subgraph's; the planner fetches it and sends it along.
  builder
    .externalRef('Document', builder.selection<{ id: string }>('id'), (document) => document)
    .implement({
      externalFields: (t) => ({
        id: t.id({ nullable: false, description: 'The id.' }),
        text: t.string({ description: 'The whole text.' }),
      }),
      fields: (t) => ({
        summary: t.field({
          directives: { cost: { weight: WEIGHT.summary } },
          type: summary,
          requires: builder.selection<{ text?: string | null }>('text'),
          description: "What the document is about, in a few of its own sentences or in the chat model's.",
          args: {
            maxSentences: t.arg.int({
              defaultValue: INFERENCE.defaultSummarySentences,
              description: `The longest summary, in sentences: 1 to ${INFERENCE.summarySentences}.`,
            }),
            method: t.arg({
              type: summaryMethod,
              defaultValue: 'EXTRACTIVE',
              description:
                'How to make it. `MODEL` falls back to `EXTRACTIVE` where no chat model is configured; the answer says what was used.',
            }),
          },
          resolve: (document, args, context) => service.summary(context, document.text, args),
        }),
      }),
    });

  return subgraph.build();
}
