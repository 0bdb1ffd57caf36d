import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of planning: the query planner's processes, their queue, and what is kept of plans. */
export const PLAN = bounds('gateway/plan', 'planning', {
  timeoutMs: {
    what: 'The longest time to plan one operation. Past it the operation ends with `PLANNING_TIMEOUT`, and is refused at once for `rememberedMs`.',
    unit: 'ms',
    default: 5_000,
    variable: 'PLANNING_TIMEOUT_MS',
    min: 50,
    max: 600_000,
  },
  waitingPerTenant: {
    what: 'The most operations of one tenant that wait to be planned; further ones are refused with `RATE_LIMITED`.',
    unit: 'operations',
    default: 200,
    variable: 'PLANNING_QUEUE',
    min: 1,
    max: 1_000_000,
  },
  processes: {
    what: 'The most processes that plan. Of three, two plan what comes, and one of these is spare; the third plans what takes long, at lower priority. With one, an operation that takes long holds up all others.',
    unit: 'processes',
    default: 3,
    variable: 'PLANNING_PROCESSES',
    min: 1,
    max: 64,
  },
  heapMb: {
    what: 'The heap of one planning process. One that outgrows it is replaced, and what it planned is refused.',
    unit: 'MiB',
    default: 256,
    variable: 'PLANNING_HEAP_MB',
    min: 64,
    max: 65_536,
  },
  cacheEntries: {
    what: 'The most plans that are kept.',
    unit: 'plans',
    default: 2_000,
    variable: 'PLAN_CACHE_ENTRIES',
    min: 1,
    max: 10_000_000,
  },
  cacheBytes: {
    what: 'The estimated memory of the plans that are kept, and of each for which the same operation is asked.',
    unit: 'bytes',
    default: 32 * 1024 * 1024,
    variable: 'PLAN_CACHE_BYTES',
    min: 100_000,
    max: 100_000_000_000,
  },
  spareMs: {
    what: "How long after the first planning process the spare one is started: the gateway's own start comes first.",
    unit: 'ms',
    default: 10_000,
  },
  idleMs: {
    what: 'How long a planning process beyond the first and the spare one stays without work.',
    unit: 'ms',
    default: 60_000,
  },
  suspectMs: {
    what: 'How long the like of an operation that took long to plan, and other operations of a tenant that asked many such, are planned apart from those of others.',
    unit: 'ms',
    default: 60_000,
  },
  suspectShapes: {
    what: 'From how many different operations that took long on, all that a tenant asks is planned apart.',
    unit: 'operations',
    default: 3,
  },
  rememberedMs: {
    what: "How long an operation that took too long to plan, whatever its aliases, is refused at once: it may have been the machine's fault.",
    unit: 'ms',
    default: 10 * 60_000,
  },
  remembered: { what: 'The most such operations that are remembered.', unit: 'operations', default: 1_000 },
  rememberedCharacters: { what: 'The length of their texts together.', unit: 'characters', default: 8_000_000 },
  stackKb: {
    what: 'The stack of a planning process: operations can be deep. Systems give a process 8 MiB.',
    unit: 'KiB',
    default: 6_000,
  },
  graceMs: {
    what: 'How much longer than `timeoutMs` a planning process may run when nobody ends it.',
    unit: 'ms',
    default: 1_000,
  },
  inlinedSelections: {
    what: 'The most selections that an operation comes to when its fragments are put in their places.',
    unit: 'selections',
    default: 10_000,
  },
  streams: {
    what: 'The most lists of an operation that come item by item (`@stream`); further ones come whole.',
    unit: 'lists',
    default: 32,
  },
  costsKept: { what: 'The most ways of asking one document whose cost is kept.', unit: 'ways', default: 64 },
  errors: { what: 'The most faults of variables that are told.', unit: 'errors', default: 20 },
  searchWeight: {
    what: 'What `__search` adds to the cost of an operation: its text is compared with all of the schema.',
    unit: 'cost',
    default: 100,
  },
  quotedCharacters: {
    what: 'The longest message of such a fault, which quotes the value; of longer ones the middle is left out.',
    unit: 'characters',
    default: 1_000,
  },
});
