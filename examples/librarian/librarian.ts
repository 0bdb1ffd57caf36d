/**
 * An agent that answers questions from the corpus: it takes runs from the queue of its agent, searches, writes its
 * answer into the run's log piece by piece, leaves it as an artifact, and finishes. It knows the public API and nothing
 * else.
 *
 * A lease makes the run its own; when it dies, the lease expires and the run is claimed again, here or elsewhere. The
 * log is its memory: what it finds there it does not do again. Each append names the place in the log where it belongs
 * (`expectedSequence`), which is its idempotency key too, so that a retry appends once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { graphqlClient, type Client, type Failure } from './client.ts';
import { sentencesAbout, toHit, type Hit } from './sentences.ts';

export interface LibrarianOptions {
  /** Where the server is, such as `http://127.0.0.1:4000`. */
  url: string;
  /** Value of the `Authorization` header, where the server wants one. */
  authorization?: string | undefined;
  /** Ends it; a run that is under way goes on at the next start. */
  signal: AbortSignal;
  /** Asked once ever, by whichever librarian is the first. @default nothing */
  firstQuestion?: string;
  /**
   * Pause between pieces of an extracted answer, so that people can watch; models bring their own. @default 120
   * milliseconds
   */
  paceMs?: number;
  /** Pause between looks into an empty queue. @default 1000 milliseconds */
  pollMs?: number;
  /** How long a run of a librarian that died waits for another. @default 15 seconds */
  leaseSeconds?: number;
  /** Told why a run could not be worked on now; it is tried again. @default nothing */
  onError?: (error: unknown) => void;
}

interface Said { role?: unknown; content?: unknown } // prettier-ignore
interface Run { id: string; input: { question?: unknown; messages?: unknown } | null } // prettier-ignore
type Payload = { messageId?: string; delta?: string; content?: string; artifactId?: string; [key: string]: unknown };
interface LogEvent { sequence: number; type: string; payload: Payload } // prettier-ignore

/** Works until `signal` aborts. */
export async function runLibrarian(options: LibrarianOptions): Promise<void> {
  const { signal, firstQuestion, pollMs = 1_000, leaseSeconds = 15, onError } = options;
  const api = graphqlClient(options.url, options.authorization, signal);
  let agentId: string | undefined;
  while (!signal.aborted) {
    try {
      if (agentId === undefined) {
        const own = await ownAgent(api);
        // The key makes it once ever, however often the librarian is started.
        if (firstQuestion)
          await api.request('StartRun', {
            agentId: own,
            input: { question: firstQuestion },
            idempotencyKey: 'first-question',
          });
        agentId = own;
      }
      const { run, lease } = (await api.request('Claim', { input: { agentId, leaseSeconds } })).claimRun;
      if (run) await work(api, run as Run, lease.token as string, { ...options, leaseSeconds });
      else await delay(pollMs, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      onError?.(error);
      await delay(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The librarian's agent. Should two librarians create one at the same moment, both take the older. */
async function ownAgent(api: Client): Promise<string> {
  for (;;) {
    const { agents } = await api.request('FindAgent');
    const own = agents.edges.find(
      ({ node }: { node: { currentVersion: { config: { example?: string } } } }) =>
        node.currentVersion.config.example === 'librarian',
    );
    if (own) return own.node.id as string;
    await api.request('CreateAgent');
  }
}

async function work(
  api: Client,
  run: Run,
  token: string,
  options: LibrarianOptions & { leaseSeconds: number },
): Promise<void> {
  const { leaseSeconds } = options;
  // One that fails has nothing to add: the next append fails with the reason.
  const beat = () =>
    void api.request('Heartbeat', { input: { runId: run.id, token, leaseSeconds } }).catch(() => undefined);
  const heart = setInterval(beat, (leaseSeconds * 1_000) / 3);
  try {
    const log = await RunLog.open(api, run.id, token);
    const question = questionOf(run.input);
    if (question === undefined) {
      await log.finish({
        error: {
          message: "The input must be an object with a `question`, or with AG-UI's `messages`.",
          code: 'BAD_INPUT',
        },
      });
      return;
    }
    const hits = await search(api, log, question);
    const answer = await write(api, log, question, hits, options);
    const artifactId = await keep(api, log, question, answer, hits);
    await log.finish({ output: { answer, artifactId, sources: [...new Set(hits.map(({ source }) => source))] } });
  } catch (error) {
    // Somebody else goes on with the run, or has cancelled it: it is no longer ours.
    if ((error as Failure).code !== 'CONFLICT') throw error;
  } finally {
    clearInterval(heart);
  }
}

/** What is asked: `question`, or what the person said last where the run comes from a client of AG-UI. */
function questionOf(input: Run['input']): string | undefined {
  const said = Array.isArray(input?.messages) ? (input.messages as Said[]).findLast(({ role }) => role === 'user') : undefined; // prettier-ignore
  const content = input?.question ?? said?.content;
  const texts = (Array.isArray(content) ? content : [content]).map((part: unknown) => typeof part === 'object' && part !== null && 'text' in part ? part.text : part); // prettier-ignore
  const question = texts.filter((text) => typeof text === 'string').join('\n').trim(); // prettier-ignore
  return question === '' ? undefined : question;
}

async function search(api: Client, log: RunLog, question: string): Promise<Hit[]> {
  const call = { toolCallId: 'research' };
  const before = log.find('TOOL_CALL_RESULT');
  if (before) return JSON.parse(before.payload.content!) as Hit[];
  if (!log.find('TOOL_CALL_END')) {
    await log.append(
      ['STEP_STARTED', { stepName: 'search' }],
      ['TOOL_CALL_START', { ...call, toolCallName: 'Research' }],
      ['TOOL_CALL_ARGS', { ...call, delta: JSON.stringify({ question }) }],
      ['TOOL_CALL_END', call],
    );
  }
  const found = await api.request('Research', { question });
  const hits: Hit[] = found.search.edges.map(toHit);
  await log.append(
    ['TOOL_CALL_RESULT', { ...call, messageId: 'hits', content: JSON.stringify(hits) }],
    ['STEP_FINISHED', { stepName: 'search' }],
  );
  return hits;
}

async function write(
  api: Client,
  log: RunLog,
  question: string,
  hits: Hit[],
  { paceMs = 120, signal }: LibrarianOptions,
): Promise<string> {
  // Not the message's end: that of one which was given up is in the log, too.
  if (log.events.some(({ type, payload }) => type === 'STEP_FINISHED' && payload['stepName'] === 'answer'))
    return log.text();
  const { models } = await api.request('Models');
  const chat = models.some(
    (model: { kind: string; available: boolean }) => model.kind === 'CHAT' && model.available,
  ) as boolean;
  if (chat) await generate(api, log, question, hits);
  else await extract(log, question, hits, paceMs, signal);
  await log.append(['TEXT_MESSAGE_END', { messageId: log.messageId! }], ['STEP_FINISHED', { stepName: 'answer' }]);
  return log.text();
}

/** The step's beginning, or the ends of what a librarian before this one left open in it: nothing is begun twice. */
const beginning = (log: RunLog): [type: string, payload: Payload][] =>
  log.events.some(({ type, payload }) => type === 'STEP_STARTED' && payload['stepName'] === 'answer')
    ? log.open().map(({ kind, messageId }) => [`${kind}_END`, { messageId }])
    : [['STEP_STARTED', { stepName: 'answer' }]];

/** The documents' own sentences: the same each time, so that a message that was begun before a restart goes on. */
async function extract(log: RunLog, question: string, hits: Hit[], paceMs: number, signal: AbortSignal): Promise<void> {
  const messageId = log.messageId ?? `answer-${log.events.length}`;
  if (messageId !== log.messageId)
    await log.append(...beginning(log), ['TEXT_MESSAGE_START', { messageId, role: 'assistant' }]);
  for (let rest = sentencesAbout(question, hits).slice(log.deltas.length); rest.length > 0; rest = rest.slice(1)) {
    await log.append(['TEXT_MESSAGE_CONTENT', { messageId, delta: rest[0]! }]);
    await delay(paceMs, undefined, { signal });
  }
}

/**
 * A model's words, and its reasoning beside them where its server gives it. A model does not say the same twice: what was
 * begun before a restart is ended as it stands, and said anew in a message of its own.
 */
async function generate(api: Client, log: RunLog, question: string, hits: Hit[]): Promise<void> {
  const before = beginning(log);
  if (before.length > 0) await log.append(...before);
  const [messageId, thoughtId] = [`answer-${log.events.length}`, `reasoning-${log.events.length}`];
  const thinks = () => log.open().some((part) => part.messageId === thoughtId);
  const answer = async (): Promise<void> => {
    if (thinks())
      await log.append(
        ['REASONING_MESSAGE_END', { messageId: thoughtId }],
        ['REASONING_END', { messageId: thoughtId }],
      );
    if (log.messageId !== messageId) await log.append(['TEXT_MESSAGE_START', { messageId, role: 'assistant' }]);
  };

  const passages = hits.map(({ title, text }) => `[${title}]\n${text}`).join('\n\n');
  const system = 'Answer from the passages alone, briefly, and name the titles you used.';
  const messages = [{ role: 'SYSTEM', content: system }, { role: 'USER', content: `${passages}\n\nQuestion: ${question}` }]; // prettier-ignore
  for await (const { generateStream } of api.stream('Generate', { input: { messages, maxTokens: 400 } })) {
    const { delta, reasoning } = generateStream as { delta: string; reasoning: string | null };
    // A thought after the answer has begun is left out: clients show one before the other.
    if (reasoning && log.messageId !== messageId) {
      if (!thinks())
        await log.append(
          ['REASONING_START', { messageId: thoughtId }],
          ['REASONING_MESSAGE_START', { messageId: thoughtId, role: 'reasoning' }],
        );
      await log.append(['REASONING_MESSAGE_CONTENT', { messageId: thoughtId, delta: reasoning }]);
    }
    if (!delta) continue;
    await answer();
    await log.append(['TEXT_MESSAGE_CONTENT', { messageId, delta }]);
  }
  // A model that said nothing has answered nothing, which is an answer too.
  await answer();
}

/** Key and path derive from the run: done again, it replaces the same bytes and finds the same artifact. */
async function keep(api: Client, log: RunLog, question: string, answer: string, hits: Hit[]): Promise<string> {
  const before = log.find('ARTIFACT_CREATED');
  if (before) return before.payload.artifactId!;
  const sources = [...new Set(hits.map(({ title, source }) => `- ${title} (${source})`))].join('\n');
  const fileKey = `artifacts/${log.runId}/answer.md`;
  const content = `# ${question}\n\n${answer}\n\n## Sources\n\n${sources}\n`;
  await api.request('PutObject', { input: { key: fileKey, mediaType: 'text/markdown', encoding: 'UTF8', content } });
  const { createArtifact } = await api.request('CreateArtifact', {
    input: { runId: log.runId, path: 'answer.md', mediaType: 'text/markdown', fileKey },
  });
  await log.append(['ARTIFACT_CREATED', { artifactId: createArtifact.artifact.id }]);
  return createArtifact.artifact.id as string;
}

/** A run's log as this worker knows it. */
class RunLog {
  readonly events: LogEvent[] = [];

  private readonly api: Client;
  readonly runId: string;
  private readonly token: string;
  private constructor(api: Client, runId: string, token: string) {
    this.api = api;
    this.runId = runId;
    this.token = token;
  }

  static async open(api: Client, runId: string, token: string): Promise<RunLog> {
    const log = new RunLog(api, runId, token);
    for (let after: string | null = null, more = true; more;) {
      const { run } = (await api.request('Log', { runId, after })) as {
        run: { events: { edges: { node: LogEvent }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } } };
      };
      log.events.push(...run.events.edges.map(({ node }) => node));
      ({ hasNextPage: more, endCursor: after } = run.events.pageInfo);
    }
    return log;
  }

  find = (type: string): LogEvent | undefined => this.events.find((event) => event.type === type);

  /** The last message, and its pieces. */
  get messageId(): string | undefined {
    return this.events.findLast(({ type }) => type === 'TEXT_MESSAGE_START')?.payload.messageId;
  }
  /** What was begun and not ended, the last first. */
  open(): { kind: string; messageId: string }[] {
    const parts: { kind: string; messageId: string }[] = [];
    for (const { type, payload } of this.events) {
      const [, kind, edge] = /^(TEXT_MESSAGE|REASONING_MESSAGE|REASONING)_(START|END)$/.exec(type) ?? [];
      const at = parts.findIndex((part) => part.kind === kind && part.messageId === payload.messageId);
      if (edge === 'START') parts.unshift({ kind: kind!, messageId: payload.messageId! });
      else if (edge === 'END' && at >= 0) parts.splice(at, 1);
    }
    return parts;
  }
  get deltas(): string[] {
    return this.events
      .filter(({ type, payload }) => type === 'TEXT_MESSAGE_CONTENT' && payload.messageId === this.messageId)
      .map(({ payload }) => payload.delta!);
  }
  text = (): string => this.deltas.join('').trim();

  async append(...events: [type: string, payload: Payload][]): Promise<void> {
    const expectedSequence = this.events.at(-1)?.sequence ?? 0;
    const place = { expectedSequence, idempotencyKey: `at-${expectedSequence}` };
    const input = {
      runId: this.runId,
      token: this.token,
      ...place,
      events: events.map(([type, payload]) => ({ type, payload })),
    };
    this.events.push(...((await this.api.request('Append', { input })).appendRunEvents.events as LogEvent[]));
  }

  finish = (end: { output?: object; error?: object }): Promise<unknown> =>
    this.api.request('Finish', { input: { runId: this.runId, token: this.token, ...end } });
}
