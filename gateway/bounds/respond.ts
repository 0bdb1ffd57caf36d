import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of shaping answers. */
export const RESPOND = bounds('gateway/respond', 'limits', {
  leaves: {
    what: 'How many items of a list of leaves are charged as one object.',
    unit: 'items',
    default: 64,
  },
  definitions: {
    what: 'The most results of one `__search`, on one page and on all of them, and the most coordinates of one `__definitions`.',
    unit: 'definitions',
    default: 150,
  },
  found: {
    what: 'How many results `__search` gives where it is not asked for another number, as its draft has it.',
    unit: 'results',
    default: 10,
  },
  searches: {
    what: 'How many texts one operation may search the schema for (`__search`); past it, `QUERY_TOO_COSTLY`.',
    unit: 'texts',
    default: 10,
  },
  coordinates: {
    what: 'How many schema coordinates one operation may ask for (`__definitions`), each counted once; past it, `QUERY_TOO_COSTLY`.',
    unit: 'coordinates',
    default: 300,
  },
  searchCharacters: { what: 'The longest text to search the schema for.', unit: 'characters', default: 500 },
  coordinateCharacters: { what: 'The longest schema coordinate that is looked for.', unit: 'characters', default: 500 },
  errorBytes: {
    what: 'What an error is charged besides its message: path, code, service.',
    unit: 'bytes',
    default: 150,
  },
});
