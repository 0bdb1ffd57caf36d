import { bounds } from './bound.ts';

/** Bounds of what all work shares: the threads, the turns on the main one, and JSON that callers send. */
export const SHARED = bounds('subgraphs/shared', 'limits', {
  hints: {
    what: 'The most hints (`extensions.hints`) beside one answer.',
    unit: 'hints',
    default: 20,
  },
  suggestions: { what: 'The most suggestions of one hint.', unit: 'suggestions', default: 5 },
  hintCharacters: {
    what: 'The longest message of a hint, and the longest suggestion; what is longer is cut.',
    unit: 'characters',
    default: 500,
  },
  stems: { what: "How many words' stems are kept.", unit: 'words', default: 20_000 },
  firstReadRetryMs: {
    what: 'The pause before a stream reads again from a store that was away.',
    unit: 'ms',
    default: 50,
  },
  longestReadRetryMs: { what: 'The longest such pause: each doubles.', unit: 'ms', default: 2_000 },
  threads: {
    what: 'The most threads for what would keep the others waiting: summaries of long texts, and ranking by comparing all vectors. Tenants take turns in them.',
    unit: 'threads',
    absent: 'one for each core but one, at least 1, at most 4',
    variable: 'WORK_THREADS',
    min: 1,
    max: 64,
  },
  waiting: {
    what: 'The most summaries, documents to cut and pieces of rankings of one tenant that wait for a thread; further ones cost their fields (`RATE_LIMITED`).',
    unit: 'pieces',
    default: 1_000,
    variable: 'MAX_WAITING_WORK',
    min: 1,
    max: 1_000_000,
  },
  stretchMs: {
    what: 'How long work on the main thread goes on until others get their turn, where a client decides how long it is.',
    unit: 'ms',
    default: 10,
    variable: 'TURN_MS',
    min: 1,
    max: 10_000,
  },
  patternCharacters: {
    what: 'The longest regular expression of a filter (`matches`).',
    unit: 'characters',
    default: 200,
  },
  patternRepeated: { what: 'The most repetitions that its `{n,m}` counts.', unit: 'times', default: 100 },
  patternGroups: { what: 'The deepest nesting of its groups.', unit: 'levels', default: 20 },
  patternWays: {
    what: 'In how many ways it may be matched within one text at the most, where `*` and `+` count as the characters of a long name (`patternText`): two of them are within it.',
    unit: 'ways',
    default: 1_000_000_000,
  },
  patternText: { what: 'How long a text is taken to be for that.', unit: 'characters', default: 500 },
  secretCharacters: {
    what: 'The shortest secret that is looked for in errors and logs: shorter ones are parts of ordinary sentences.',
    unit: 'characters',
    default: 8,
  },
  secretLevels: {
    what: 'How deep `extensions` are looked through for secrets; what is below is left out.',
    unit: 'levels',
    default: 10,
  },
  turnOthers: {
    what: 'How many times as long as a turn took others have before the next one, where they have so much to do.',
    unit: 'times',
    default: 3,
  },
  turnMemoryMs: {
    what: 'After how long the turns that a tenant had weigh half: who had least of late has the next one.',
    unit: 'ms',
    default: 1_000,
  },
  turnTenants: {
    what: 'Of how many tenants it is kept how long their turns were of late; who is forgotten had none.',
    unit: 'tenants',
    default: 1_000,
  },
  idleRoundMs: {
    what: 'How long a round of the event loop takes at the most in which nobody had anything to do: then the next turn is given at once.',
    unit: 'ms',
    default: 0.05,
  },
  turnObjects: {
    what: 'After how many objects such work looks at the clock, and is charged to the budget of its answer.',
    unit: 'objects',
    default: 64,
    variable: 'TURN_OBJECTS',
    min: 1,
    max: 100_000,
  },
  gatheredNodes: {
    what: 'How many times `MAX_ANSWER_NODES` subgraphs may tell of: several tell of one object, and each time it is counted.',
    unit: 'times',
    default: 4,
  },
  gatheredBytes: {
    what: 'How many times `MAX_ANSWER_BYTES` may be gathered: some texts are needed by others (`@requires`) and not shown.',
    unit: 'times',
    default: 2,
  },
  pageDefault: { what: 'How many items a page has where `first` is absent.', unit: 'items', default: 20 },
  subjectCharacters: {
    what: 'The longest name of a user (`sub`, or what a proxy names).',
    unit: 'characters',
    default: 512,
  },
  pageMost: { what: 'The most items of a page: the largest `first`.', unit: 'items', default: 200 },
  streamedRows: {
    what: 'How many rows behind the first a page whose edges are streamed (`@stream`) reads from its store at a time.',
    unit: 'rows',
    default: 50,
  },
  sharedDocuments: {
    what: 'How many documents that were shared with a project its searches find, those that were shared last.',
    unit: 'documents',
    default: 1_000,
  },
  sharingProjects: {
    what: 'The most projects whose shared documents one search or list of entities looks through, those that shared last.',
    unit: 'projects',
    default: 20,
  },
  jsonBytes: {
    what: 'The longest JSON value that a caller sends as metadata, properties or payload.',
    unit: 'bytes',
    default: 64 * 1024,
  },
  jsonDepth: { what: 'Its deepest nesting.', unit: 'levels', default: 12 },
  numberCharacters: {
    what: 'The longest text of a number in it that a double does not hold.',
    unit: 'characters',
    default: 1_000,
  },
  numberExponent: { what: 'The largest power of ten of such a number.', unit: 'powers', default: 400 },
  jsonKeys: { what: 'The most keys in it.', unit: 'keys', default: 1_000 },
  clusterCharacters: {
    what: 'The longest cluster of marks that counts as one character where texts are cut: a text may be one such.',
    unit: 'characters',
    default: 64,
  },
});
