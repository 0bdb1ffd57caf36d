import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of the MCP endpoint. */
export const AGENTS = bounds('gateway/agents', 'limits', {
  answerBytes: {
    what: 'The most that the answers to one request at `/mcp` may come to, as JSON; the messages of a batch share it evenly, and `MAX_ANSWER_NODES` too. At most `MAX_ANSWER_BYTES`.',
    unit: 'bytes',
    default: 5_000_000,
    variable: 'MAX_MCP_ANSWER_BYTES',
    min: 100,
    max: 500_000_000,
  },
  listening: {
    what: 'The most clients of MCP that listen for changes of what there is (`subscriptions/listen`) at once.',
    unit: 'streams',
    default: 256,
  },
  keptMs: {
    what: 'How long clients of MCP are told that they may keep what there is: tools and capabilities.',
    unit: 'milliseconds',
    default: 60_000,
  },
  issues: { what: "Of the faults of a message's parameters, how many are told.", unit: 'faults', default: 5 },
  batch: {
    what: 'The most messages in one request at `/mcp`.',
    unit: 'messages',
    default: 10,
    variable: 'MAX_MCP_BATCH',
    min: 1,
    max: 10_000,
  },
  pageCharacters: {
    what: "How much of a tool's answer is one page, where the agent asks for no other length: some 10,000 tokens of its context.",
    unit: 'characters',
    default: 40_000,
    variable: 'MCP_PAGE_CHARACTERS',
    min: 1_000,
    max: 500_000_000,
  },
  longestPage: {
    what: 'The longest page that an agent may ask for.',
    unit: 'characters',
    default: 200_000,
    variable: 'MCP_MAX_PAGE_CHARACTERS',
    min: 1_000,
    max: 500_000_000,
  },
  structuredCharacters: {
    what: 'The longest answer whose structured content has its data; a longer one, and each page of it, comes as text there.',
    unit: 'characters',
    default: 100_000,
  },
  resourceBytes: {
    what: 'The most bytes of a file that a resource is: more is said to be there, with a link to all of it. At most what `StoredObject.text` takes.',
    unit: 'bytes',
    default: 1_048_576,
  },
  smallestPage: { what: 'The shortest page that an agent may ask for.', unit: 'characters', default: 1_000 },
  queryCharacters: { what: 'The longest text of keywords for `search_schema`.', unit: 'characters', default: 500 },
  askSeconds: {
    what: 'How long the tool `ask` waits for its answer; a longer one goes on as a run.',
    unit: 's',
    default: 20,
  },
  results: {
    what: 'How many fields and types `search_schema` tells of where it is not asked for another number.',
    unit: 'results',
    default: 12,
  },
  mostResults: { what: 'The most that it may be asked for.', unit: 'results', default: 50 },
  searchCharacters: {
    what: 'How long an answer of `search_schema` is, about: some 1,500 tokens. What there is no room for is named, and `describe` shows it.',
    unit: 'characters',
    default: 5_000,
  },
  shownDescription: {
    what: 'How much of the description of each part it tells; `describe` tells all.',
    unit: 'characters',
    default: 240,
  },
  operationTools: {
    what: 'Of the operations that are listed for agents, how many are tools; each costs an agent some of its context on each turn.',
    unit: 'operations',
    default: 100,
  },
  outputFields: {
    what: 'Of how many fields the schema of what a tool answers tells; of what is selected past that, it leaves open what it is.',
    unit: 'fields',
    default: 300,
  },
  outputValues: {
    what: 'Of an enum of how many values that schema names each; of a larger one it says that it is a text.',
    unit: 'values',
    default: 12,
  },
  descriptionCharacters: { what: 'How long the description of such a tool is.', unit: 'characters', default: 500 },
  outlines: { what: 'The most types that they lead to, which it tells of in short.', unit: 'types', default: 12 },
  embedded: {
    what: 'Of the fields and types that operations select, how many are found by what they mean, too; the others by their words alone.',
    unit: 'fields and types',
    default: 5_000,
  },
  leastNearness: {
    what: 'How near a meaning must be, as a cosine, for `search_schema` to show what has none of the words.',
    unit: 'cosine',
    default: 0.25,
  },
  candidates: {
    what: 'Among how many fields and types for each that is told `search_schema` looks for one that is not like those told already.',
    unit: 'fields and types',
    default: 5,
  },
  sameSentences: {
    what: 'How many descriptions may have a sentence in common that says something of each; what more of them say tells none apart.',
    unit: 'descriptions',
    default: 4,
  },
  paths: {
    what: 'The most ways to a definition that `__search` tells (`pathsToRoot`).',
    unit: 'ways',
    default: 3,
  },
  searchesKept: {
    what: 'Of how many texts what `__search` found is kept, of each schema.',
    unit: 'texts',
    default: 100,
  },
  exampleFields: { what: 'How many fields an example of `search_schema` selects.', unit: 'fields', default: 5 },
  wordCharacters: { what: 'How much of a description is searched for words.', unit: 'characters', default: 2_000 },
  completions: {
    what: 'Of the newest documents, files and runs, how many are looked through for an id that an agent begins to write.',
    unit: 'ids',
    default: 100,
  },
  passages: {
    what: 'How many passages `search` finds where it is not asked for another number.',
    unit: 'passages',
    default: 5,
  },
  facts: {
    what: 'How many remembered facts `recall`, or messages `search_messages`, finds where it is not asked for another number.',
    unit: 'facts',
    default: 5,
  },
  contextTokens: {
    what: 'How many tokens of a session `session_context` tells where it is not asked for another number.',
    unit: 'tokens',
    default: 2_000,
  },
  taskPollMs: {
    what: 'How often clients of MCP are told to look whether a task, which is a run, has ended, and how often is looked for those who wait for it.',
    unit: 'milliseconds',
    default: 1_000,
  },
  taskWaitMs: {
    what: 'How long `tasks/result` waits for the end of a run that has none; who asks longer is told to look again.',
    unit: 'milliseconds',
    default: 20_000,
  },
  listedTasks: { what: 'How many runs a page of `tasks/list` has.', unit: 'tasks', default: 50 },
  runEvents: {
    what: 'How many events `run_events` reads where it is not asked for another number.',
    unit: 'events',
    default: 50,
  },
});
