/**
 * Per-request loaders: whatever many parents of one answer ask for is read with one statement (a traversal: one for
 * each level). Fields with arguments have one loader for each set of arguments.
 */
import type DataLoader from 'dataloader';
import { perRequest } from '#subgraphs/shared/context.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import { GRAPH } from './bounds.ts';
import { compareCodePoints } from '#subgraphs/shared/code-points.ts';
import type {
  Entity,
  GraphDriver,
  NameKind,
  Relation,
  RelationKey,
  RelationOfEntity,
  RelationSelection,
  Slice,
} from './driver.ts';
import type { DocumentEntities } from './sharing/shared-documents.ts';
import { neighborhoods } from './traversal/traversal.ts';
import type { Neighbor } from './traversal/traversal.ts';

export interface NeighborsArguments
  extends RelationSelection, Slice<readonly [depth: number, name: string, id: string]> {
  readonly depth: number;
  /** Which of those within reach are neighbours; undefined for all. Others are walked through all the same. */
  readonly where: Condition | undefined;
  /** Whether to walk to the end, whatever the page needs, and to see whether that is the end of all. */
  readonly whole: boolean;
  /** Goes no deeper once it has found so many. @default any number */
  readonly most?: number | undefined;
}

/** Which relations of an entity. */
export interface RelationsArguments extends RelationSelection {
  readonly where: Condition | undefined;
}

/**
 * What {@link GraphLoaders.neighbors} finds from one entity: `limit` neighbours behind `after`, as far as there are.
 */
export interface NeighborSlice {
  readonly neighbors: (Neighbor & { entity: Entity })[];
  readonly truncated: boolean;
  /** Whether nothing else can be reached; false unless the walk was to see. */
  readonly complete: boolean;
  /** How many there are, of a whole walk; null where a cap ended it. */
  readonly total: number | null;
}

/** What reads are made with. */
export interface GraphReads {
  readonly driver: GraphDriver;
  /** The driver's, with what was shared with the caller's project. */
  readonly documentEntities: DocumentEntities;
  /** The most relations that are read for one level of a walk. */
  readonly levelRelations: number;
}

export interface GraphLoaders {
  readonly entity: DataLoader<string, Entity | null>;
  readonly relation: DataLoader<string, Relation | null>;
  /** Entities by name, whatever their kinds. */
  readonly named: DataLoader<string, Entity[]>;
  /** Kinds, and relation types, that there are. */
  readonly names: DataLoader<NameKind, string[]>;
  relations(options: RelationsArguments & Slice<RelationKey>): DataLoader<string, RelationOfEntity[]>;
  relationCount(options: RelationsArguments): DataLoader<string, number>;
  neighbors(options: NeighborsArguments): DataLoader<string, NeighborSlice>;
  documentEntities(
    options: { kinds: readonly string[] | null } & Slice<readonly [number, string]>,
  ): DataLoader<string, { position: number; entity: Entity }[]>;
  documentEntityCount(options: { kinds: readonly string[] | null }): DataLoader<string, number>;
  entityDocuments(options: Slice<readonly [id: string]>): DataLoader<string, string[]>;
  readonly entityDocumentCount: DataLoader<string, number>;
  /** Forgets everything: for mutations, once they have written. */
  clear(): void;
}

/** @returns the loaders of a request, made on first use */
export const createLoaders = (deps: GraphReads): ((context: RequestContext) => GraphLoaders) =>
  perRequest((context) => {
    const { driver } = deps;
    const entity = requestLoader<string, Entity | null>(context, async (ids) => {
      const found = await driver.entitiesByIds(context, ids);
      return ids.map((id) => found.get(id) ?? null);
    });
    const relation = requestLoader<string, Relation | null>(context, async (ids) => {
      const found = await driver.relationsByIds(context, ids);
      return ids.map((id) => found.get(id) ?? null);
    });
    const named = requestLoader<string, Entity[]>(context, async (names) => {
      const found = await driver.findEntities(
        context,
        { kind: 'in', column: 'name', values: names },
        { limit: names.length * (GRAPH.namesakes + 1), after: null },
      );
      return names.map((name) => found.filter((one) => one.name === name));
    });
    const names = requestLoader<NameKind, string[]>(context, (kinds) =>
      Promise.all(kinds.map((what) => driver.names(context, what, GRAPH.facets))),
    );
    const entityDocumentCount = requestLoader<string, number>(context, async (ids) => {
      const found = await driver.countEntityDocuments(context, ids);
      return ids.map((id) => found.get(id) ?? 0);
    });
    const byArguments = new Map<string, DataLoader<string, unknown>>();
    const loaderFor = <Options, Value>(
      field: string,
      options: Options,
      load: (keys: readonly string[], options: Options) => Promise<Map<string, Value>>,
      empty: Value,
    ): DataLoader<string, Value> => {
      const key = `${field} ${JSON.stringify(options)}`;
      let loader = byArguments.get(key) as DataLoader<string, Value> | undefined;
      if (!loader) {
        loader = requestLoader<string, Value>(context, async (keys) => {
          const found = await load(keys, options);
          return keys.map((id) => found.get(id) ?? empty);
        });
        byArguments.set(key, loader as DataLoader<string, unknown>);
      }
      return loader;
    };

    return {
      entity,
      relation,
      named,
      names,
      relations: (options) =>
        loaderFor('relations', options, (ids) => driver.relationsOf(context, ids, options, options, options.where), []),
      relationCount: (options) =>
        loaderFor('relationCount', options, (ids) => driver.countRelationsOf(context, ids, options, options.where), 0),
      neighbors: (options) =>
        loaderFor('neighbors', options, (ids) => neighborSlices(deps, context, entity, ids, options), {
          neighbors: [],
          truncated: false,
          complete: false,
          total: 0,
        }),
      documentEntities: (options) =>
        loaderFor(
          'documentEntities',
          options,
          (ids) => deps.documentEntities.documentEntities(context, ids, options.kinds, options),
          [],
        ),
      documentEntityCount: (options) =>
        loaderFor(
          'documentEntityCount',
          options,
          (ids) => deps.documentEntities.countDocumentEntities(context, ids, options.kinds),
          0,
        ),
      entityDocuments: (options) =>
        loaderFor('entityDocuments', options, (ids) => driver.entityDocuments(context, ids, options), []),
      entityDocumentCount,
      clear() {
        entity.clearAll();
        relation.clearAll();
        named.clearAll();
        names.clearAll();
        entityDocumentCount.clearAll();
        byArguments.clear();
      },
    };
  });

async function neighborSlices(
  { driver, levelRelations }: GraphReads,
  context: RequestContext,
  entity: DataLoader<string, Entity | null>,
  sources: readonly string[],
  { depth, limit, after, backward = false, where, whole, most = Infinity, ...selection }: NeighborsArguments,
): Promise<Map<string, NeighborSlice>> {
  const slice = (neighbors: readonly Neighbor[]): Neighbor[] => {
    if (backward) {
      const end =
        after === null ? neighbors.length : firstAt(neighbors, (neighbor) => compareNeighbors(neighbor, after) >= 0);
      return neighbors.slice(Math.max(end - limit, 0), end).reverse();
    }
    const start = after === null ? 0 : firstAt(neighbors, (neighbor) => compareNeighbors(neighbor, after) > 0);
    return neighbors.slice(start, start + limit);
  };
  // Levels come whole: backwards, the one that the cursor is in is the last that is needed.
  const enough = backward
    ? (neighbors: readonly Neighbor[]) =>
        after !== null && firstAt(neighbors, ({ depth: at }) => at >= after[0]) < neighbors.length
    : (neighbors: readonly Neighbor[]) => slice(neighbors).length >= limit;
  const walked = await neighborhoods(
    (nodes) =>
      driver.expandFrontier(context, nodes, { direction: selection.direction, types: selection.types }, levelRelations),
    sources,
    depth,
    // What of a level matches is known only at the end.
    (neighbors) => neighbors.length >= most || (!whole && where === undefined && enough(neighbors)),
    whole,
  );
  if (where !== undefined) {
    const reached = new Set([...walked.values()].flatMap(({ neighbors }) => neighbors.map(({ id }) => id)));
    const found = await driver.matching(context, [...reached], where);
    for (const [source, walk] of walked)
      walked.set(source, { ...walk, neighbors: walk.neighbors.filter(({ id }) => found.has(id)) });
  }
  const slices = new Map(
    [...walked].map(([source, { neighbors, truncated, complete }]) => [
      source,
      {
        neighbors: slice(neighbors),
        truncated,
        complete,
        total: truncated || (most < Infinity && !complete) ? null : neighbors.length,
      },
    ]),
  );
  const ids = [...new Set([...slices.values()].flatMap(({ neighbors }) => neighbors.map(({ id }) => id)))];
  const entities = new Map((await entity.loadMany(ids)).map((found, index) => [ids[index], orThrow(found)]));
  return new Map(
    [...slices].map(([source, { neighbors, ...said }]) => [
      source,
      {
        // One that was deleted since the walk is left out.
        neighbors: neighbors.flatMap((neighbor) => {
          const found = entities.get(neighbor.id);
          return found ? [{ ...neighbor, entity: found }] : [];
        }),
        ...said,
      },
    ]),
  );
}

/** The place of the first item that is so; behind the last where none is. */
function firstAt<Item>(items: readonly Item[], isSo: (item: Item) => boolean): number {
  const at = items.findIndex(isSo);
  return at === -1 ? items.length : at;
}

const compareNeighbors = (a: Neighbor, [depth, name, id]: readonly [number, string, string]): number =>
  a.depth - depth || compareCodePoints(a.name, name) || compareCodePoints(a.id, id);

function orThrow<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}
