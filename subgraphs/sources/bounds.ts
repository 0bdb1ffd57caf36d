import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of what is asked of stores that are the operator's own. */
export const SOURCES = bounds('subgraphs/sources', 'sources', {
  poolSize: {
    what: 'The most connections of one process to each source.',
    unit: 'connections',
    default: 5,
    variable: 'SOURCES_POOL_SIZE',
    min: 1,
    max: 1_000,
  },
  connectTimeoutMs: {
    what: 'The longest wait for a connection to a source, a free one or a new one.',
    unit: 'ms',
    default: 5_000,
    variable: 'SOURCES_CONNECT_TIMEOUT_MS',
    min: 100,
    max: 600_000,
  },
  statementTimeoutMs: {
    what: 'The longest time for one statement to a source. Past it the field fails with `STORE_TIMEOUT`.',
    unit: 'ms',
    default: 10_000,
    variable: 'SOURCES_STATEMENT_TIMEOUT_MS',
    min: 100,
    max: 3_600_000,
  },
  idleMs: {
    what: 'How long a connection to a source is kept that nobody uses.',
    unit: 'ms',
    default: 10_000,
    variable: 'SOURCES_IDLE_MS',
    min: 100,
    max: 86_400_000,
  },
  pageMost: {
    what: 'The most items of a page that a file may allow (`limits.max`).',
    unit: 'items',
    default: 10_000,
  },
  position: {
    what: 'How far into a list without a key a page may begin: it is found by counting.',
    unit: 'rows',
    default: 10_000,
  },
  conditions: { what: 'The most conditions in one filter.', unit: 'conditions', default: 100 },
  conditionDepth: { what: 'Their deepest nesting, links to other rows included.', unit: 'levels', default: 8 },
  listed: { what: 'The most values of `in`.', unit: 'values', default: 500 },
  filterCharacters: { what: 'The longest text in a filter.', unit: 'characters', default: 2_000 },
  pathKeys: { what: 'The most keys in a path into JSON.', unit: 'keys', default: 12 },
  orderFields: { what: 'The most fields that one order names.', unit: 'fields', default: 5 },
  fileBytes: { what: 'The longest file of sources.', unit: 'bytes', default: 4 * 1024 * 1024 },
});
