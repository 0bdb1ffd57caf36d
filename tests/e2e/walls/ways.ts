/**
 * How each field is asked: with a tenant's ids in every argument, by whoever. A field that has no arguments needs no
 * line here, and one of a schema that grows is asked without any; what must be given is found by `SchemaWalk.arguments`.
 */
import type { ArgumentTexts } from './schema-walk.ts';
import type { World } from './world.ts';

const literal = (value: unknown): string => JSON.stringify(value);

/** Arguments of the fields that operations begin with, by name: one text for each time that it is asked. */
export type RootArguments = Readonly<Record<string, readonly string[]>>;

/**
 * Asking for pages: everything, what has one of the ids, and what comes behind a cursor and before it.
 * @param foreign filters by what another store has
 */
function pages(where: string, order: string, cursor: string | undefined, ...foreign: string[]): string[] {
  return [
    '',
    ...foreign.map((each) => `(where: ${each}, approximate: true)`),
    `(where: ${where}, first: 20${order === '' ? '' : `, orderBy: [{ field: ${order}, direction: ASC }]`})`,
    ...around(cursor),
  ];
}

const around = (cursor: string | undefined, beside = ''): string[] =>
  cursor === undefined
    ? []
    : [`(${beside}first: 20, after: ${literal(cursor)})`, `(${beside}last: 20, before: ${literal(cursor)})`];

const after = (cursor: string | undefined, beside = ''): string[] =>
  cursor === undefined ? [] : [`(${beside}after: ${literal(cursor)})`];

/** Reading. @param cursors the first of each page that the tenant has seen, by coordinate */
export function readingArguments(w: World, cursors: ReadonlyMap<string, string>): RootArguments {
  const ids = (...list: string[]): string =>
    `{ or: [{ id: { eq: ${literal(list[0])} } }, { id: { in: ${literal(list)} } }, { id: { not: { eq: "x" } } }, { id: { ne: "x", notIn: ["x"] } }] }`;
  const cursor = (field: string): string | undefined => cursors.get(field);
  const prompt = `(input: { messages: [{ role: USER, content: "What is kept?" }], maxTokens: 50 })`;
  const tool = `(input: { messages: [{ role: USER, content: "What is kept?" }], tools: [{ name: "look", parameters: {} }], maxTokens: 50 })`;
  const all = `{ or: [{ id: { in: ${literal(w.entities)} } }, { name: { startsWith: ${literal(w.name)} } }, { id: { not: { eq: "x" } } }] }`;
  const nodes = [
    w.agent,
    ...w.documents,
    w.chunk,
    w.fact,
    w.session,
    w.message,
    w.artifact,
    w.usage,
    w.audit,
    w.apiKey,
    w.share,
    w.run,
    ...w.entities,
    w.relation,
  ];
  return {
    node: nodes.map((id) => `(id: ${literal(id)})`),
    nodes: [`(ids: ${literal(nodes)})`],
    agent: [`(id: ${literal(w.agent)})`],
    agents: pages(ids(w.agent), 'NAME', cursor('agents'), `{ runs: { some: { id: { eq: ${literal(w.run)} } } } }`),
    document: [`(id: ${literal(w.documents[0])})`],
    documents: [
      ...pages(
        ids(...w.documents),
        'TITLE',
        cursor('documents'),
        `{ entities: { some: { id: { in: ${literal(w.entities)} } }, count: { gte: 0 } } }`,
        `{ file: { size: { gte: 0 } } }`,
      ),
      // What embeds a query is recorded as the caller's own: see `similarDocuments`, and tests/e2e/conditions/similarity.test.ts.
      '(orderBy: [{ file: { field: SIZE, direction: DESC } }, { entities: COUNT }], first: 20)',
    ],
    documentFacets: ['', `(where: ${ids(...w.documents)}, first: 20, values: 20)`],
    chunk: [`(id: ${literal(w.chunk)})`],
    memoryFact: [`(id: ${literal(w.fact)})`],
    memoryFacts: pages(
      `{ or: [{ agentId: { eq: ${literal(w.agent)} } }, { key: { startsWith: ${literal(w.name)} } }, { id: { eq: ${literal(w.fact)} } }] }`,
      'KEY',
      cursor('memoryFacts'),
      `{ agent: { id: { eq: ${literal(w.agent)} } } }`,
      `{ run: { id: { eq: ${literal(w.run)} } }, validUntil: { gte: "2000-01-01" } }`,
    ),
    session: [`(id: ${literal(w.session)})`],
    sessions: pages(
      `{ or: [{ agentId: { eq: ${literal(w.agent)} } }, { title: { ne: "x" } }, { id: { eq: ${literal(w.session)} } }] }`,
      'UPDATED_AT',
      cursor('sessions'),
      `{ agent: { id: { eq: ${literal(w.agent)} } } }`,
      `{ messages: { some: { id: { eq: ${literal(w.message)} } } } }`,
    ),
    message: [`(id: ${literal(w.message)})`],
    messages: pages(
      `{ or: [{ sessionId: { eq: ${literal(w.session)} } }, { runId: { eq: ${literal(w.run)} } }, { id: { eq: ${literal(w.message)} } }] }`,
      'SEQUENCE',
      cursor('messages'),
      `{ session: { id: { eq: ${literal(w.session)} } } }`,
      `{ run: { id: { eq: ${literal(w.run)} } } }`,
    ),
    artifact: [`(id: ${literal(w.artifact)})`],
    artifacts: pages(
      `{ or: [{ runId: { eq: ${literal(w.run)} } }, { id: { eq: ${literal(w.artifact)} } }] }`,
      'PATH',
      cursor('artifacts'),
      `{ run: { id: { eq: ${literal(w.run)} } } }`,
      `{ file: { key: { in: ${literal([w.objectKey])} } } }`,
      `{ fileKey: { eq: ${literal(w.objectKey)} } }`,
    ),
    // Reading is recorded too, where it embeds a query: one's own are behind those.
    usageRecords: [...pages(ids(w.usage), 'CREATED_AT', cursor('usageRecords')), '(first: 80)'],
    auditEntries: [
      ...pages(
        `{ or: [{ subjectId: { in: ${literal([w.agent, w.run, ...w.documents])} } }, { id: { eq: ${literal(w.audit)} } }] }`,
        'CREATED_AT',
        cursor('auditEntries'),
      ),
      '(first: 80)',
    ],
    apiKeys: pages(ids(w.apiKey), 'NAME', cursor('apiKeys')),
    shares: pages(
      `{ or: [{ documentId: { in: ${literal(w.documents)} } }, { agentId: { eq: ${literal(w.agent)} } }, { id: { eq: ${literal(w.share)} } }] }`,
      'CREATED_AT',
      cursor('shares'),
    ),
    entity: [`(id: ${literal(w.entities[0])})`, `(name: ${literal(`${w.name} one`)}, kind: "thing")`],
    entities: [
      ...pages(all, '', cursor('entities'), `{ documents: { some: { id: { in: ${literal(w.documents)} } } } }`),
      `(where: { neighbors: { some: { id: { in: ${literal(w.entities)} } }, direction: BOTH, depth: 2 } })`,
      `(where: { id: { in: ${literal(w.entities)} } }, orderBy: [{ documents: COUNT, direction: DESC }])`,
    ],
    shortestPath: [
      `(from: ${literal(w.entities[0])}, to: ${literal(w.entities[1])}, types: ["KNOWS"], direction: BOTH, maxDepth: 3)`,
      `(from: ${literal(`${w.name} one`)}, fromKind: "thing", to: ${literal(`${w.name} two`)}, toKind: "thing")`,
    ],
    object: [w.objectKey, w.fileKey].map((key) => `(key: ${literal(key)})`),
    objects: [
      '',
      `(prefix: ${literal(w.name)}, first: 20)`,
      `(where: { key: { in: ${literal([w.objectKey])} }, size: { gte: 0 }, mediaType: { ne: "x/y" }, updatedAt: { gte: "2000-01-01" } })`,
      `(where: { documents: { some: { id: { in: ${literal(w.documents)} } } } })`,
      `(where: { artifacts: { some: { id: { eq: ${literal(w.artifact)} } } } }, approximate: true)`,
      `(where: { key: { in: ${literal([w.objectKey, w.fileKey])} } }, orderBy: [{ field: SIZE }, { documents: COUNT }])`,
      ...after(cursor('objects'), 'first: 20, '),
    ],
    objectsAggregate: [`(where: { key: { in: ${literal([w.objectKey, w.fileKey])} } }, first: 20)`],
    runEventsAggregate: [
      `(where: { or: [{ runId: { eq: ${literal(w.run)} } }, { agentId: { eq: ${literal(w.agent)} } }, { type: { ne: CUSTOM } }] }, first: 20)`,
    ],
    embed: ['(input: ["What is kept?"])', '(input: ["What is kept?"], as: QUERY)'],
    generate: [prompt, tool],
    generateStream: [prompt, tool],
    rerank: ['(query: "what is kept", documents: ["what is kept", "nothing"], first: 2)'],
    run: [`(id: ${literal(w.run)})`, `(id: ${literal(w.failedRun)})`, `(id: ${literal(w.openRuns[0]!.id)})`],
    runs: pages(
      `{ or: [{ agentId: { eq: ${literal(w.agent)} } }, { status: { eq: QUEUED } }] }`,
      'CREATED_AT',
      cursor('runs'),
      `{ agent: { id: { eq: ${literal(w.agent)} } } }`,
    ),
    search: [
      '(query: "kept between us")',
      `(query: "kept between us", mode: KEYWORD, where: { documentId: { in: ${literal(w.documents)} } }, first: 5)`,
      ...['VECTOR', 'HYBRID'].map(
        (mode) =>
          `(query: "kept between us", mode: ${mode}, where: { documentId: { eq: ${literal(w.documents[0])} } }, first: 5)`,
      ),
      '(query: "kept between us", collection: "default")',
      `(query: "kept between us", where: { document: { id: { in: ${literal(w.documents)} } } }, approximate: true)`,
      '(query: "kept between us", groupBy: DOCUMENT, rerank: true)',
      ...around(cursor('search'), 'query: "kept between us", '),
    ],
    similarDocuments: [
      '(query: "kept between us")',
      `(query: "kept between us", minScore: -1, where: { documentId: { in: ${literal(w.documents)} } }, first: 5)`,
      ...around(cursor('similarDocuments'), 'query: "kept between us", '),
    ],
    similarMessages: [
      '(query: "Said", first: 5)',
      `(query: "Said", minScore: -1, where: { id: { in: [${literal(w.message)}] } }, first: 5)`,
      ...around(cursor('similarMessages'), 'query: "Said", '),
    ],
    similarMemoryFacts: [
      '(query: "kept between us")',
      `(query: "kept between us", minScore: -1, where: { id: { in: [${literal(w.fact)}] } }, first: 5)`,
      ...around(cursor('similarMemoryFacts'), 'query: "kept between us", '),
    ],
    documentIndexing: w.documents.map((id) => `(id: ${literal(id)})`),
    runEvents: [`(runId: ${literal(w.run)})`, `(runId: ${literal(w.run)}, after: "3", types: [CUSTOM, RUN_FINISHED])`],
    tenantEvents: [`(agentId: ${literal(w.agent)}, types: [CUSTOM, RUN_FINISHED])`, ...after(cursor('tenantEvents'))],
  };
}

const NESTED: Readonly<Record<string, readonly string[]>> = {
  'Agent.memoryFacts': ['(where: { key: { ne: "x" } }, orderBy: [{ field: KEY, direction: ASC }], first: 5)'],
  'Agent.sessions': ['(where: { title: { ne: "x" } }, orderBy: [{ field: CREATED_AT, direction: ASC }], first: 5)'],
  'Agent.runs': ['(where: { id: { ne: "x" } }, orderBy: [{ field: STARTED_AT, direction: DESC }], first: 5)'],
  'Chunk.surrounding': ['(before: 2, after: 2)'],
  'Document.chunks': ['(where: { index: { gte: 0 } }, first: 5)'],
  'Session.context': ['', '(maxTokens: 1000)'],
  'Session.messages': ['(where: { role: { ne: SYSTEM } }, orderBy: [{ field: SEQUENCE, direction: DESC }], first: 5)'],
  'SearchEdge.highlights': ['(first: 2, around: 20)'],
  'Document.entities': ['(first: 5, kinds: ["thing"])'],
  'Document.summary': ['(maxSentences: 2)', '(method: MODEL)'],
  'Entity.deepNeighbors': ['(types: ["KNOWS"], direction: BOTH, where: { kind: { eq: "thing" } }, first: 5)'],
  'Entity.documents': ['(where: { source: { ne: "x" } }, orderBy: [{ field: TITLE, direction: ASC }], first: 5)'],
  'Entity.neighbors': [
    '(types: ["KNOWS"], direction: BOTH, depth: 2, first: 5)',
    '(where: { kind: { eq: "thing" } }, first: 5)',
  ],
  'Entity.relations': ['(direction: BOTH, types: ["KNOWS"], first: 5)', '(where: { kind: { eq: "thing" } }, first: 5)'],
  'Run.artifacts': ['(where: { path: { ne: "x" } }, orderBy: [{ field: PATH, direction: ASC }], first: 5)'],
  'Run.events': ['(first: 100)', '(first: 5, types: [CUSTOM])'],
  'StoredObject.artifacts': ['(where: { path: { ne: "x" } }, orderBy: [{ field: PATH, direction: ASC }], first: 5)'],
  'StoredObject.documents': ['(where: { source: { ne: "x" } }, orderBy: [{ field: TITLE, direction: ASC }], first: 5)'],
  'StoredObject.downloadUrl': ['(expiresIn: 60)'],
  'StoredObject.text': ['(maxBytes: 1000)'],
};

/** Those of all other fields. */
export const nestedArguments: ArgumentTexts = (coordinate) => NESTED[coordinate] ?? [];

/**
 * Changing everything that a world has.
 * @param word what the texts that are written have
 */
export function changingArguments(w: World, word: string): RootArguments {
  const input = (fields: string): string => `(input: { ${fields} })`;
  const [append, finish, cancel, beat] = w.openRuns as [Run, Run, Run, Run];
  const document = (number: number): string =>
    `title: ${literal(word)}, source: ${literal(`${w.name}/${number}.md`)}, mediaType: "text/markdown", text: ${literal(`${word} wrote this.`)},
      metadata: { word: ${literal(word)} }, entities: [{ name: ${literal(`${w.name} one`)}, kind: "thing", properties: { by: ${literal(word)} } }]`;
  const inBytes = (number: number): string =>
    `title: ${literal(word)}, source: ${literal(`${w.name}/${number}.csv`)}, mediaType: "text/csv", metadata: { format: ${literal(word)} },
      content: ${literal(Buffer.from(`by,what\n${word},wrote this\n`).toString('base64'))}`;
  return {
    createAgent: [input(`name: ${literal(`${w.name} agent of ${word}`)}, instructions: ${literal(word)}`)],
    updateAgent: [input(`id: ${literal(w.agent)}, description: ${literal(word)}`)],
    rememberFact: [
      input(`key: ${literal(`${w.name} key`)}, value: ${literal(word)}`),
      input(`key: ${literal(`${w.name} other key`)}, value: ${literal(word)}, runId: ${literal(w.run)}`),
      input(`key: ${literal(`${w.name} other key`)}, value: ${literal(word)}, supersedes: ${literal(w.fact)}`),
      input(`key: ${literal(`${w.name} own key`)}, value: ${literal(word)}, own: true`),
      input(`key: ${literal(`${w.name} own key`)}, value: ${literal(word)}, userId: ${literal(`of ${w.name}`)}`),
      input(
        `key: ${literal(`${w.name} awaited key`)}, value: ${literal(word)}, agentId: ${literal(w.agent)}, waitFor: [VECTOR], timeoutMs: 0`,
      ),
    ],
    createSession: [
      input(`title: ${literal(word)}, agentId: ${literal(w.agent)}, metadata: { word: ${literal(word)} }`),
      input(
        `title: ${literal(word)}, userId: ${literal(`${w.name} user`)}, idempotencyKey: ${literal(`${w.name} chat`)}`,
      ),
    ],
    updateSession: [input(`id: ${literal(w.session)}, title: ${literal(word)}, ended: false`)],
    appendMessages: [
      input(
        `sessionId: ${literal(w.session)}, runId: ${literal(w.run)}, idempotencyKey: ${literal(`${w.name} twice`)}, messages: [{ role: USER, content: ${literal(word)} }]`,
      ),
    ],
    summarizeSession: [
      input(`sessionId: ${literal(w.session)}, text: ${literal(word)}, throughSequence: 2, runId: ${literal(w.run)}`),
      input(`sessionId: ${literal(w.session)}, throughSequence: 3, maxTokens: 4000`),
    ],
    createArtifact: [
      input(
        `runId: ${literal(w.run)}, path: ${literal(word)}, contentType: "text/plain", fileKey: ${literal(w.objectKey)}`,
      ),
    ],
    recordUsage: [
      input(`operation: EMBED, provider: ${literal(word)}, model: ${literal(word)}, inputTokens: 1, outputTokens: 1`),
    ],
    createApiKey: [input(`name: ${literal(word)}, scopes: ["runs:work"]`)],
    requestUpload: [
      input(`key: ${literal(`${w.objectKey}.upload`)}, contentType: "text/plain", sizeBytes: 5, expiresIn: 60`),
      input(`key: ${literal(w.objectKey)}, contentType: "text/plain", sizeBytes: 5, expiresIn: 60`),
    ],
    upsertEntities: [
      input(`entities: [{ name: ${literal(`${w.name} one`)}, kind: "thing", properties: { by: ${literal(word)} } }]`),
    ],
    upsertRelations: [
      input(
        `relations: [{ from: { id: ${literal(w.entities[0])} }, to: { id: ${literal(w.entities[1])} }, type: "KNOWS", properties: { by: ${literal(word)} } }]`,
      ),
    ],
    upsertVectors: [
      input(
        `items: [{ chunkId: ${literal(w.chunk)}, documentId: ${literal(w.documents[0])}, text: "kept between us", metadata: { by: ${literal(word)} } }]`,
      ),
    ],
    startRun: [
      input(`agentId: ${literal(w.agent)}, threadId: ${literal(`${w.name} thread`)}, input: { by: ${literal(word)} }`),
      input(
        `agentId: ${literal(w.agent)}, idempotencyKey: ${literal(w.idempotencyKey)}, input: { word: ${literal(word)} }`,
      ),
      input(`agentName: ${literal(`${w.name} agent`)}, input: { by: ${literal(word)} }`),
    ],
    ask: [
      input(
        `question: ${literal(word)}, first: 3, method: EXTRACTIVE, waitSeconds: 25, threadId: ${literal(`${w.name} asks`)},
          where: { documentId: { in: ${literal(w.documents)} } }`,
      ),
      input(`question: ${literal(word)}, method: MODEL, waitSeconds: 25, idempotencyKey: ${literal(w.idempotencyKey)}`),
    ],
    claimRun: [input(`agentId: ${literal(w.agent)}, leaseSeconds: 60`)],
    heartbeatRun: [input(`runId: ${literal(beat.id)}, token: ${literal(beat.token)}`)],
    appendRunEvents: [
      input(
        `runId: ${literal(append.id)}, token: ${literal(append.token)}, idempotencyKey: ${literal(w.idempotencyKey)},
          events: [{ type: CUSTOM, payload: { name: ${literal(word)}, value: 1 } }]`,
      ),
    ],
    finishRun: [
      input(`runId: ${literal(finish.id)}, token: ${literal(finish.token)}, output: { by: ${literal(word)} }`),
    ],
    cancelRun: [input(`runId: ${literal(cancel.id)}, reason: ${literal(word)}`)],
    deleteVectors: [input(`chunkIds: [${literal(w.chunk)}]`)],
    upsertDocument: [input(inBytes(3)), input(`${document(1)}, waitFor: [OBJECT, VECTOR, GRAPH], timeoutMs: 0`)],
    upsertDocuments: [
      input(`documents: [{ ${document(2)} }, { ${inBytes(4)} }], waitFor: [OBJECT, VECTOR, GRAPH], timeoutMs: 0`),
    ],
    putObject: [
      input(`key: ${literal(w.objectKey)}, contentType: "text/plain", content: ${literal(word)}, encoding: UTF8`),
    ],
    shareDocument: [
      input(`id: ${literal(w.documents[0])}, project: "green", everyProject: false, expiresAt: "2100-01-01T00:00:00Z"`),
    ],
    shareAgent: [input(`id: ${literal(w.agent)}, project: "yellow"`)],
    rotateApiKey: [input(`id: ${literal(w.apiKey)}, overlapSeconds: 60`)],
    // What takes away comes last.
    revokeShare: [input(`id: ${literal(w.share)}`)],
    revokeApiKey: [input(`id: ${literal(w.apiKey)}`)],
    forgetFact: [input(`id: ${literal(w.fact)}`)],
    deleteSession: [input(`id: ${literal(w.session)}`)],
    deleteRelations: [input(`ids: [${literal(w.relation)}]`)],
    deleteEntities: [input(`ids: ${literal(w.entities)}`)],
    deleteObject: [input(`key: ${literal(w.objectKey)}`)],
    deleteDocument: [input(`id: ${literal(w.documents[0])}`)],
    deleteAgent: [input(`id: ${literal(w.agent)}`)],
  };
}

type Run = World['openRuns'][number];
