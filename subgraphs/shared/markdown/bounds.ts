import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of reading Markdown: what is past them is text without marks, and nothing of it is lost. */
export const MARKDOWN = bounds('subgraphs/shared/markdown', 'limits', {
  lines: {
    what: 'The most lines that are read as Markdown, several times what two megabytes of prose have; those behind them are plain text.',
    unit: 'lines',
    default: 100_000,
  },
  titleCharacters: { what: 'The longest title; a longer one is cut.', unit: 'characters', default: 200 },
  headingCharacters: { what: 'The longest heading in HTML; a longer one is none.', unit: 'characters', default: 2_000 },
  nesting: {
    what: 'The deepest nesting of quotes, lists and emphasis; what is deeper is part of what is around it.',
    unit: 'levels',
    default: 40,
  },
  inlineCharacters: {
    what: 'The longest run of text that links and emphasis are looked for in.',
    unit: 'characters',
    default: 16 * 1024,
  },
  mendedFences: {
    what: 'The most code fences without an end whose end is looked for: each costs the rest of the document.',
    unit: 'fences',
    default: 16,
  },
  htmlDepth: {
    what: 'The deepest nesting of HTML elements, past which a piece is read no further: the parser takes ever longer for each.',
    unit: 'levels',
    default: 256,
  },
  htmlStep: { what: 'How much HTML is given to its parser at once.', unit: 'characters', default: 16 * 1024 },
  frontMatterCharacters: {
    what: 'How far the end of front matter is looked for: more than any page says of itself.',
    unit: 'characters',
    default: 64 * 1024,
  },
  frontMatterBytes: {
    what: 'The longest front matter as JSON: as metadata it stands beside what else is known of a document.',
    unit: 'bytes',
    default: 48 * 1024,
  },
  frontMatterDepth: { what: 'Its deepest nesting.', unit: 'levels', default: 10 },
  frontMatterKeys: { what: 'The most keys in it.', unit: 'keys', default: 900 },
  aliases: {
    what: 'The most aliases of its YAML that are written out: a few lines could stand for gigabytes otherwise.',
    unit: 'aliases',
    default: 100,
  },
});
