import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of passing on what hosts say over standard input. */
export const MCP = bounds('ops/mcp', 'server', {
  messageCharacters: {
    what: 'The longest message that is taken; a longer one is answered with an error.',
    unit: 'characters',
    default: 4_000_000,
  },
  underWay: { what: 'How many messages wait for their answers before another is read.', unit: 'messages', default: 64 },
  patienceMs: {
    what: 'How long answers are waited for once the host has closed its end.',
    unit: 'ms',
    default: 10_000,
  },
});
