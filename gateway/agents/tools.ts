/**
 * The tools that agents are given, by the Model Context Protocol and by function calling alike. Every word of a description
 * costs each agent on each turn.
 */
import type { CallToolResult } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { AGENTS } from '#gateway/bounds/agents.ts';
import { SHARED } from '#subgraphs/shared/bounds.ts';
import type { Calls, OperationParameters, Page } from './calls.ts';
import { argumentsOf } from './arguments-of.ts';
import type { Capability } from './capabilities.ts';
import { AGENT, noSuchAgent } from './known-agents.ts';
import { answerSchema, TEXT_SCHEMA, VALIDATION_SCHEMA, type JsonSchema } from './output-schemas.ts';
import type { OperationTool } from './operation-tools.ts';

const SEARCH = `query Search($query: String!, $first: Int!, $after: String, $where: SearchFilter) {
  search(query: $query, first: $first, after: $after, where: $where) {
    edges { score node { id text document { id title source } } } pageInfo { hasNextPage endCursor }
  }
}`;

const RECALL = `query Recall($where: MemoryFactFilter!, $first: Int!, $after: String) {
  memoryFacts(where: $where, orderBy: [{ field: SIMILARITY }], first: $first, after: $after) {
    nodes { id userId key value source updatedAt } pageInfo { hasNextPage endCursor }
  }
}`;

/** Of facts, those that hold at a moment. */
const holdingAt = (now: string) => [
  { or: [{ validUntil: { isNull: true } }, { validUntil: { gt: now } }] },
  { or: [{ validFrom: { isNull: true } }, { validFrom: { lte: now } }] },
];

/** Of facts, those that are of everybody, or of one user alone. */
const ofUser = (userId: string) => ({ or: [{ userId: { isNull: true } }, { userId: { eq: userId } }] });

const SEARCH_MESSAGES = `query SearchMessages($where: MessageFilter!, $first: Int!, $after: String) {
  messages(where: $where, orderBy: [{ field: SIMILARITY }], first: $first, after: $after) {
    nodes { sequence role content createdAt session { id title } } pageInfo { hasNextPage endCursor }
  }
}`;

const SESSION_CONTEXT = `query SessionContext($sessionId: ID!, $maxTokens: Int) {
  session(id: $sessionId) {
    title messageCount
    context(maxTokens: $maxTokens) {
      summary { text throughSequence } messages { sequence role content truncated name toolCalls toolCallId } tokens omitted
    }
  }
}`;

const RUN_EVENTS = `query RunEvents($runId: ID!, $after: String, $first: Int) {
  run(id: $runId) {
    id status lastSequence
    events(after: $after, first: $first) { edges { node { sequence type createdAt payload } } pageInfo { hasNextPage endCursor } }
  }
}`;

const REMEMBER = `mutation Remember($key: String!, $value: String!, $source: String, $agentId: ID, $own: Boolean, $userId: String) {
  rememberFact(
    input: { key: $key, value: $value, source: $source, agentId: $agentId, own: $own, userId: $userId, waitFor: [VECTOR] }
  ) { fact { id key value updatedAt } notIndexed { store state } }
}`;

const FORGET = 'mutation Forget($id: ID!) { forgetFact(input: { id: $id }) { deletedIds } }';

const BEGIN_SESSION = `mutation BeginSession($key: String!, $title: String, $agentId: ID, $userId: String) {
  createSession(input: { idempotencyKey: $key, title: $title, agentId: $agentId, userId: $userId }) { session { id messageCount } }
}`;

const APPEND_MESSAGES = `mutation AppendMessages(
  $sessionId: ID!, $messages: [MessageInput!]!, $runId: ID, $idempotencyKey: String, $expectedSequence: Int
) {
  appendMessages(
    input: { sessionId: $sessionId, messages: $messages, runId: $runId, idempotencyKey: $idempotencyKey, expectedSequence: $expectedSequence }
  ) { session { messageCount } }
}`;

const ASK = `mutation Ask($question: String!, $first: Int, $where: AskFilter, $waitSeconds: Int, $idempotencyKey: String) {
  ask(input: { question: $question, first: $first, where: $where, waitSeconds: $waitSeconds, idempotencyKey: $idempotencyKey }) {
    run {
      id status error { message code }
      answer { text outcome limit citations { number title source documentId chunkId quote score } }
    }
  }
}`;

const START_RUN = `mutation StartRun($agentName: String, $agentId: ID, $input: JSON, $idempotencyKey: String) {
  startRun(input: { agentName: $agentName, agentId: $agentId, input: $input, idempotencyKey: $idempotencyKey }) { run { id status } }
}`;

// Of names that are not near these either the mutation says that there are none: a message is kept as it was meant, or not at all.
const MESSAGE = argumentsOf({
  role: z.enum(['SYSTEM', 'USER', 'ASSISTANT', 'TOOL']),
  content: z.string().nullish(),
  name: z.string().nullish(),
  toolCalls: z.array(z.unknown()).nullish(),
  toolCallId: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
}).refine(
  // What a call gave may be nothing; the mutation takes all that a program may want to keep.
  ({ content, toolCalls, toolCallId }) => Boolean(content) || (toolCalls?.length ?? 0) > 0 || Boolean(toolCallId),
  'It says nothing: it needs `content`, or `toolCalls`.',
);

const OPERATION = {
  query: z.string().describe('The operation; put values into variables.'),
  // Models write them as JSON text, empty text or null, too.
  variables: z.union([z.record(z.string(), z.unknown()), z.string(), z.null()]).optional(),
  operationName: z.string().nullish().describe('Which operation, when there are several.'),
};

export interface AgentTool {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodObject;
  /** What it answers, be it an error. */
  readonly output: JsonSchema;
  /** Whether it only reads. */
  readonly reads: boolean;
  /** Whether it may remove or replace what is there; of one that does not only read. */
  readonly destructive: boolean;
  /** Whether it is an operation that the operator has listed. */
  readonly isOperation: boolean;
  /** @param given what {@link input} takes, read by it */
  call(given: Readonly<Record<string, unknown>>): Promise<CallToolResult>;
}

/** Where a long answer goes on, which says so itself; that null is none (`argumentsAsMeant`) need not be told with each tool. */
const OFFSET = z.number().int().min(0).optional();

/** The parts of a long answer, as arguments. */
function pagesOf(calls: Calls) {
  return { offset: OFFSET.describe('Continue a long answer from this character.'), ...pageLengthOf(calls) };
}

/** Of what is not asked again, for it would be done again. */
function pageLengthOf({ page: { usual, most } }: Calls) {
  return {
    limit: z
      .number()
      .int()
      .min(AGENTS.smallestPage)
      .max(most)
      .optional()
      .describe(`Most characters. Default: ${usual}`),
  };
}

const pageOf =
  ({ page: { usual } }: Calls) =>
  ({ offset, limit }: { offset?: number | null; limit?: number | null }): Page => ({
    offset: offset ?? 0,
    limit: limit ?? usual,
  });

/** The tools that are allowed, of those whose fields the schema has. */
export function agentTools(calls: Calls, allowed: ReadonlySet<Capability>): AgentTool[] {
  const pages = pagesOf(calls);
  const page = pageOf(calls);
  const tools: AgentTool[] = [];
  /** @param operation the tool's own, without which it is not there */
  const add = <Shape extends z.ZodRawShape>(
    needs: readonly Capability[],
    name: string,
    description: string,
    shape: Shape,
    call: (given: z.output<z.ZodObject<Shape>>) => Promise<CallToolResult>,
    {
      operation,
      destructive = false,
      output = answerSchema(operation === undefined ? undefined : calls.dataOf(operation)),
    }: { operation?: string; destructive?: boolean; output?: JsonSchema } = {},
  ): void => {
    if (!needs.some((need) => allowed.has(need)) || (operation !== undefined && !calls.fits(operation))) return;
    tools.push({
      name,
      description,
      input: argumentsOf(shape),
      output,
      reads: needs.includes('read'),
      destructive,
      isOperation: false,
      call: (given) => call(given as z.output<z.ZodObject<Shape>>),
    });
  };

  add(
    ['read'],
    'search_schema',
    'Find GraphQL fields and types by words or a question. Returns SDL and an example.',
    {
      query: z.string().min(1).max(AGENTS.queryCharacters).describe('Such as "documents similar to this one".'),
      limit: z
        .number()
        .int()
        .min(1)
        .max(AGENTS.mostResults)
        .default(AGENTS.results)
        .describe('Most fields and types to return.'),
    },
    ({ query, limit }) => calls.search(query, limit),
    { output: TEXT_SCHEMA },
  );
  add(
    ['read'],
    'describe',
    'Show a GraphQL type, field or root field whole. Returns SDL.',
    {
      name: z
        .string()
        .min(1)
        .max(AGENTS.queryCharacters)
        .describe('`DocumentFilter`, `Document.similar` or `documents`.'),
      ...pages,
    },
    ({ name, ...given }) => calls.describe(name, page(given)),
    { output: TEXT_SCHEMA },
  );
  add(
    ['read'],
    'validate',
    'Check a GraphQL operation without running it. Returns its type and cost, or errors.',
    OPERATION,
    (given) => calls.validate(operationOf(given)),
    { output: VALIDATION_SCHEMA },
  );
  add(
    ['read'],
    'execute',
    'Run a GraphQL query (read only). Returns JSON with data and errors, in pages where it is long.',
    { ...OPERATION, ...pages },
    (given) => calls.run(operationOf(given), { page: page(given) }),
  );
  add(
    ['write'],
    'mutate',
    'Run a GraphQL mutation. It changes what is stored.',
    { ...OPERATION, ...pageLengthOf(calls) },
    (given) => calls.run(operationOf(given), { page: page(given), type: 'mutation' }),
    { destructive: true },
  );
  add(
    ['read'],
    'search',
    'Find the passages of documents that answer a question best.',
    {
      query: z.string().min(1).describe('Words or a question.'),
      first: z.number().int().min(1).max(SHARED.pageMost).nullish().describe(`Default: ${AGENTS.passages}`),
      after: z.string().nullish().describe('endCursor of the page before.'),
      collection: z.string().nullish().describe('Only documents of this collection.'),
      offset: OFFSET,
    },
    ({ query, first, after, collection, ...given }) =>
      calls.run(
        {
          query: SEARCH,
          variables: {
            query,
            first: first ?? AGENTS.passages,
            after,
            where: collection ? { collection: { eq: collection } } : null,
          },
        },
        { own: true, page: page(given) },
      ),
    { operation: SEARCH },
  );
  add(
    ['read'],
    'recall',
    'Find remembered facts that hold and answer a question best.',
    {
      query: z.string().min(1).describe('Words or a question.'),
      since: z.string().nullish().describe('Such as 2026-11-23.'),
      agentId: z.string().nullish().describe("This agent's."),
      userId: z.string().nullish().describe("His and everybody's."),
      first: z.number().int().min(1).max(SHARED.pageMost).nullish().describe(`Default: ${AGENTS.facts}`),
      after: z.string().nullish().describe('endCursor of the page before.'),
      offset: OFFSET,
    },
    ({ query, since, agentId, userId, first, after, ...given }) =>
      calls.run(
        {
          query: RECALL,
          variables: {
            where: {
              similarTo: { query },
              and: [...holdingAt(new Date().toISOString()), ...(userId ? [ofUser(userId)] : [])],
              ...(since ? { updatedAt: { gte: since } } : {}),
              ...(agentId ? { agentId: { eq: agentId } } : {}),
            },
            first: first ?? AGENTS.facts,
            after,
          },
        },
        { own: true, page: page(given) },
      ),
    { operation: RECALL },
  );
  add(
    ['read'],
    'search_messages',
    'Find messages of conversations that answer a question best.',
    {
      query: z.string().min(1),
      sessionId: z.string().nullish().describe('Only of this one.'),
      first: z.number().int().min(1).max(SHARED.pageMost).nullish().describe(`Default: ${AGENTS.facts}`),
      after: z.string().nullish(),
      offset: OFFSET,
    },
    ({ query, sessionId, first, after, ...given }) =>
      calls.run(
        {
          query: SEARCH_MESSAGES,
          variables: {
            where: { similarTo: { query }, ...(sessionId ? { sessionId: { eq: sessionId } } : {}) },
            first: first ?? AGENTS.facts,
            after,
          },
        },
        { own: true, page: page(given) },
      ),
    { operation: SEARCH_MESSAGES },
  );
  add(
    ['read'],
    'session_context',
    'Read a conversation: its summary and newest messages.',
    {
      sessionId: z.string(),
      maxTokens: z.int32().min(1).nullish().describe(`Default: ${AGENTS.contextTokens}`),
      offset: OFFSET,
    },
    ({ sessionId, maxTokens, ...given }) =>
      calls.run(
        { query: SESSION_CONTEXT, variables: { sessionId, maxTokens: maxTokens ?? AGENTS.contextTokens } },
        { own: true, page: page(given) },
      ),
    { operation: SESSION_CONTEXT },
  );
  add(
    ['read'],
    'run_events',
    "Read an agent run's event log. Call again with `after` = endCursor to follow it.",
    {
      runId: z.string(),
      after: z.string().nullish().describe('Cursor: sequence number of the last event seen.'),
      first: z.number().int().min(0).max(SHARED.pageMost).nullish().describe(`Default: ${AGENTS.runEvents}`),
      offset: OFFSET,
    },
    ({ runId, after, first, ...given }) =>
      calls.run(
        { query: RUN_EVENTS, variables: { runId, after, first: first ?? AGENTS.runEvents } },
        { own: true, page: page(given) },
      ),
    { operation: RUN_EVENTS },
  );
  add(
    ['write:memory', 'write'],
    'remember',
    'Remember a fact under a key. The same key again replaces it.',
    {
      key: z.string().min(1).describe('What the fact is about.'),
      value: z.string().describe('What to remember.'),
      source: z.string().nullish().describe('Where it was learned.'),
      agentId: z.string().nullish().describe("The agent whose memory it goes to. Default: everybody's."),
      own: z.boolean().nullish().describe('Whether it is for you alone, or'),
      userId: z.string().nullish().describe('for which user.'),
    },
    (given) => calls.run({ query: REMEMBER, variables: given }, { own: true, type: 'mutation' }),
    { operation: REMEMBER, destructive: true },
  );
  add(
    ['write:memory', 'write'],
    'forget',
    'Forget a remembered fact for good.',
    { id: z.string().describe("The fact's id.") },
    (given) => calls.run({ query: FORGET, variables: given }, { own: true, type: 'mutation' }),
    { operation: FORGET, destructive: true },
  );
  add(
    ['write:memory', 'write'],
    'begin_session',
    'Begin a conversation, or find it again by its key. Returns its id.',
    {
      key: z.string().min(1).describe('Your name of it.'),
      title: z.string().nullish().describe('What it is about.'),
      agentId: z.string().nullish(),
      userId: z.string().nullish().describe('Whose it is. Default: yours.'),
    },
    (given) => calls.run({ query: BEGIN_SESSION, variables: given }, { own: true, type: 'mutation' }),
    { operation: BEGIN_SESSION },
  );
  add(
    ['write:memory', 'write'],
    'append_messages',
    'Append messages to a conversation, oldest first.',
    {
      sessionId: z.string(),
      messages: z.array(MESSAGE).min(1),
      runId: z.string().nullish().describe('The run that writes them.'),
      idempotencyKey: z.string().nullish().describe('Appending again with the same key is done once.'),
      expectedSequence: z.int32().min(0).nullish().describe('Refuse unless the last message is this one.'),
    },
    (given) => calls.run({ query: APPEND_MESSAGES, variables: given }, { own: true, type: 'mutation' }),
    { operation: APPEND_MESSAGES },
  );
  add(
    ['run:start', 'write'],
    'start_run',
    'Start a run of an agent. Read its events with run_events.',
    {
      agentName: z.string().nullish().describe('The agent by its name, or'),
      agentId: z.string().nullish().describe('by its id.'),
      input: z.unknown().optional().describe('What it is to work on, such as {"question": "…"}.'),
      idempotencyKey: z.string().nullish().describe('Starting again with the same key is the same run.'),
    },
    (given) =>
      calls.run(
        { query: START_RUN, variables: given },
        {
          own: true,
          type: 'mutation',
          needs:
            given.agentId && calls.fits(AGENT)
              ? { query: AGENT, variables: { id: given.agentId }, otherwise: noSuchAgent }
              : undefined,
        },
      ),
    { operation: START_RUN },
  );
  add(
    ['run:start', 'write'],
    'ask',
    'Answer a question from the documents, with citations. Still RUNNING? Read run_events.',
    {
      question: z.string().min(1),
      first: z.int32().min(1).nullish().describe('Most passages to look at.'),
      collection: z.string().nullish().describe('Only documents of this collection.'),
      idempotencyKey: z.string().nullish().describe('Asking again with the same key is the same run.'),
    },
    ({ collection, ...given }) =>
      calls.run(
        {
          query: ASK,
          variables: {
            ...given,
            waitSeconds: AGENTS.askSeconds,
            where: collection ? { collection: { eq: collection } } : null,
          },
        },
        { own: true, type: 'mutation' },
      ),
    { operation: ASK },
  );
  return tools;
}

/** Listed operations as tools, of what is allowed. */
export function operationsAsTools(
  calls: Calls,
  allowed: ReadonlySet<Capability>,
  operations: readonly OperationTool[],
): AgentTool[] {
  return operations
    .filter(({ type }) => allowed.has(type === 'query' ? 'read' : 'write'))
    .map(({ name, description, query, type, input, data }) => {
      // Its own variables may be called so.
      const pages = Object.entries(type === 'query' ? pagesOf(calls) : pageLengthOf(calls)).filter(
        ([key]) => !(key in input.shape),
      );
      return {
        name,
        description,
        input: input.extend(Object.fromEntries(pages)),
        output: answerSchema(data),
        reads: type === 'query',
        destructive: type === 'mutation',
        isOperation: true,
        call: (given) => {
          const isOwn = (key: string): boolean => key in input.shape;
          const [variables, paging] = [isOwn, (key: string) => !isOwn(key)].map((of) =>
            Object.fromEntries(Object.entries(given).filter(([key]) => of(key))),
          );
          return calls.run({ query, variables }, { own: true, type, page: pageOf(calls)(paging!) });
        },
      };
    });
}

const operationOf = ({
  query,
  variables,
  operationName,
}: {
  query: string;
  variables?: unknown;
  operationName?: string | null | undefined;
}): OperationParameters => ({ query, variables, ...(operationName ? { operationName } : {}) });
