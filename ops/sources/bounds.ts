import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of writing a first file of sources. */
export const INIT = bounds('ops/sources', 'server', {
  fileBytes: {
    what: "The longest file of another product's metadata that is read.",
    unit: 'bytes',
    default: 4 * 1024 * 1024,
  },
  allBytes: {
    what: 'The most bytes of such files that are read, all together.',
    unit: 'bytes',
    default: 8 * 1024 * 1024,
  },
  files: { what: 'The most such files that are read.', unit: 'files', default: 5_000 },
  includes: { what: 'How deep such files may include others.', unit: 'files', default: 8 },
  parts: {
    what: 'The most mappings, lists and values in such files, each counted as often as it is repeated by aliases.',
    unit: 'values',
    default: 500_000,
  },
  depth: { what: 'How deep these may be nested.', unit: 'levels', default: 100 },
  shownCharacters: { what: 'How much of a filter a message shows.', unit: 'characters', default: 200 },
});
