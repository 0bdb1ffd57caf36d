import { bounds } from '#subgraphs/shared/bound.ts';

/** Bounds of the graph: how far it is walked, and what one call may send. */
export const GRAPH = bounds('subgraphs/graph', 'limits', {
  levelRelations: {
    what: 'The most relations that are read for one level of `neighbors` or `shortestPath`, for all entities of an answer together. A walk that meets it says so (`truncated`).',
    unit: 'relations',
    default: 10_000,
    variable: 'GRAPH_LEVEL_RELATIONS',
    min: 100,
    max: 1_000_000,
  },
  erasureNodes: {
    what: 'How many nodes of Neo4j are removed in a transaction while a tenant is erased.',
    unit: 'nodes',
    default: 2_000,
  },
  depth: { what: 'The most levels of `neighbors`: its largest `depth`.', unit: 'levels', default: 6 },
  pathLength: {
    what: 'The most relations on a path: the largest `maxDepth` of `shortestPath`.',
    unit: 'relations',
    default: 10,
  },
  nameCharacters: {
    what: 'The longest name of an entity: names are index keys, which PostgreSQL caps at 2,704 bytes.',
    unit: 'characters',
    default: 500,
  },
  kindCharacters: { what: 'The longest kind of an entity.', unit: 'characters', default: 100 },
  idCharacters: { what: 'The longest id that is looked up.', unit: 'characters', default: 100 },
  listed: { what: 'The most items of `in`, `types` and `kinds`.', unit: 'items', default: 500 },
  facets: {
    what: 'The most kinds, and the most relation types, of `facets`; the commonest are told.',
    unit: 'names',
    default: 500,
  },
  knownNames: {
    what: 'The most kinds and relation types, of all tenants, of which a process remembers that there are such, so that it need not look whether they are misspelt.',
    unit: 'names',
    default: 20_000,
  },
  closureLevels: {
    what: 'The most levels of `deepNeighbors`; each is one statement.',
    unit: 'levels',
    default: 64,
  },
  closureEntities: {
    what: 'How many entities `deepNeighbors` has found when it goes no deeper, for each entity it is asked of.',
    unit: 'entities',
    default: 20_000,
  },
  likeNames: {
    what: 'The most entities that are looked at for a name like one that nothing has.',
    unit: 'entities',
    default: 200,
  },
  namesakes: {
    what: 'The most entities of one name, of different kinds, that are told where a name is not enough.',
    unit: 'entities',
    default: 10,
  },
  conditions: { what: 'The most conditions in one filter.', unit: 'conditions', default: 100 },
  conditionDepth: { what: 'Their deepest nesting.', unit: 'levels', default: 8 },
  items: {
    what: 'The most entities, relations or ids in one call of a mutation.',
    unit: 'items',
    default: 1_000,
  },
  documents: { what: 'The most documents that are indexed in one call.', unit: 'documents', default: 200 },
  documentItems: { what: 'The most entities and relations of them together.', unit: 'items', default: 20_000 },
  documentIds: {
    what: 'The most ids of documents that are read at once for comparing stores.',
    unit: 'documents',
    default: 1_000,
  },
  givers: {
    what: 'The most documents that are looked for of one entity or relation whose properties are compared.',
    unit: 'documents',
    default: 200,
  },
});
