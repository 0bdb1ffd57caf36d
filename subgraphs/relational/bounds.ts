import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of what one call may write and ask for; the API's descriptions promise them. */
export const RELATIONAL = bounds('subgraphs/relational', 'limits', {
  textBytes: { what: 'The longest text of a document.', unit: 'bytes', default: 2 * 1024 * 1024 },
  batch: { what: 'The most documents in one `upsertDocuments`.', unit: 'documents', default: 50 },
  batchBytes: { what: 'The longest texts of them together.', unit: 'bytes', default: 16 * 1024 * 1024 },
  entities: { what: 'The most entities that a document is about.', unit: 'entities', default: 500 },
  relations: { what: 'The most relations that it says.', unit: 'relations', default: 2_000 },
  entityNameCharacters: {
    what: 'The longest name of such an entity: what the graph accepts.',
    unit: 'characters',
    default: 500,
  },
  entityKindCharacters: { what: 'The longest kind of one.', unit: 'characters', default: 100 },
  propertyBytes: {
    what: 'The longest properties of a document’s entities and relations together, as JSON.',
    unit: 'bytes',
    default: 1024 * 1024,
  },
  chunkTarget: { what: 'Up to where a chunk’s own text is packed.', unit: 'characters', default: 1_000 },
  chunkMost: { what: 'The longest chunk, the headings that it repeats included.', unit: 'characters', default: 1_200 },
  chunkEnough: { what: 'From what length of a chunk on a heading begins a new one.', unit: 'characters', default: 400 },
  cutHere: {
    what: 'Up to what length a text is cut at once: sending it to a thread takes longer.',
    unit: 'characters',
    default: 4_000,
  },
  nameCharacters: {
    what: 'The longest titles, sources, keys, paths and names of models: they are indexed.',
    unit: 'characters',
    default: 512,
  },
  mediaTypeCharacters: { what: 'The longest media type.', unit: 'characters', default: 255 },
  descriptionCharacters: { what: 'The longest description of an agent.', unit: 'characters', default: 4_096 },
  instructionsCharacters: { what: 'The longest instructions of one.', unit: 'characters', default: 256 * 1024 },
  valueCharacters: { what: 'The longest value that is remembered.', unit: 'characters', default: 64 * 1024 },
  fileKeyBytes: {
    what: 'The longest key of an artifact’s file: what the object store accepts.',
    unit: 'bytes',
    default: 1_024,
  },
  conditions: { what: 'The most conditions in one filter.', unit: 'conditions', default: 100 },
  conditionDepth: { what: 'Their deepest nesting.', unit: 'levels', default: 5 },
  listed: { what: 'The most values of `in`.', unit: 'values', default: 500 },
  filterCharacters: { what: 'The longest text in a filter.', unit: 'characters', default: 2_000 },
  pathKeys: { what: 'The most keys in a path into JSON.', unit: 'keys', default: 12 },
  orderFields: { what: 'The most fields that one order names.', unit: 'fields', default: 5 },
  outboxEntries: { what: 'The most entries of the outbox in one call.', unit: 'entries', default: 200 },
  leaseSeconds: { what: 'The longest time that they are leased for.', unit: 's', default: 3_600 },
  retrySeconds: { what: 'The longest time until one that failed is due again.', unit: 's', default: 86_400 },
  errorCharacters: {
    what: 'How much of an error is kept with an entry; the whole story is in the log.',
    unit: 'characters',
    default: 500,
  },
  recut: { what: 'The most documents that are cut again in one call.', unit: 'documents', default: 10 },
  compared: { what: 'The most items of one page or call of comparing stores.', unit: 'items', default: 200 },
});
