import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of a line of the log, which tells of what clients choose the length of. */
export const TELEMETRY = bounds('gateway/telemetry/logger.ts', 'limits', {
  logTextCharacters: { what: 'The longest text in it; the rest is counted.', unit: 'characters', default: 4_096 },
  logListItems: { what: 'The most items of a list in it.', unit: 'items', default: 100 },
  logDepth: { what: 'How deep its objects are cut.', unit: 'levels', default: 5 },
});
