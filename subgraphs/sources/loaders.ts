/** Loaders of one request: one statement for all rows that a level of a query leads from, matched to them by key. */
import type DataLoader from 'dataloader';
import { perRequest, type RequestContext } from '#subgraphs/shared/context.ts';
import { requestLoader } from '#subgraphs/shared/request-loader.ts';
import type { Aggregated } from '#subgraphs/shared/aggregates/aggregate.ts';
import type { CountRequest, GroupsRequest, ListRequest, Parents, SourceDriver, SourceRow } from './driver.ts';

/** A request of which the parents are still to come. */
export type OfEach<Request> = Omit<Request, 'parents'>;
/** Texts of a parent's key. */
export type ParentKey = readonly string[];

export interface Loaders {
  /** Rows of one parent. @param fields those of the rows that name it */
  list(request: OfEach<ListRequest>, fields: readonly string[], key: ParentKey): Promise<SourceRow[]>;
  count(request: OfEach<CountRequest>, fields: readonly string[], key: ParentKey): Promise<number>;
  /** The groups of rows of one parent. */
  aggregate(request: OfEach<GroupsRequest>, fields: readonly string[], key: ParentKey): Promise<Aggregated>;
  /** Forgets what was read, after something was written. */
  clear(): void;
}

/** Makes the loaders of each request. */
export const createLoaders = (driver: SourceDriver): ((context: RequestContext) => Loaders) =>
  perRequest((context) => {
    const made = new Map<string, DataLoader<ParentKey, unknown, string>>();
    /** The same by what they are asked with, of which rows of a level mostly have the very one. */
    let known = new WeakMap<object, Map<string, DataLoader<ParentKey, unknown, string>>>();
    /** One for each distinct request: rows of the same level ask for the same. */
    const load = async <Value>(
      request: OfEach<CountRequest>,
      fields: readonly string[],
      key: ParentKey,
      read: (parents: Parents) => Promise<Value[]>,
      kind: string,
    ): Promise<Value> => {
      const short = `${kind} ${fields.join()}`;
      const same = known.get(request)?.get(short) as DataLoader<ParentKey, Value, string> | undefined;
      if (same !== undefined) return await same.load(key);
      const { relation, ...asked } = request;
      const name = JSON.stringify([kind, relation.schema, relation.table, fields, asked]);
      let loader = made.get(name) as DataLoader<ParentKey, Value, string> | undefined;
      if (loader === undefined) {
        loader = requestLoader<ParentKey, Value, string>(context, async (keys) => await read({ fields, keys }), {
          // A text alone is no list, so that it is no key of several.
          cacheKeyFn: (texts) => (texts.length === 1 ? texts[0]! : JSON.stringify(texts)),
        });
        made.set(name, loader);
      }
      const ofRequest = known.get(request) ?? new Map<string, DataLoader<ParentKey, unknown, string>>();
      known.set(request, ofRequest.set(short, loader));
      return await loader.load(key);
    };
    return {
      clear: () => {
        made.clear();
        known = new WeakMap();
      },
      list: (request, fields, key) =>
        load(request, fields, key, (parents) => driver.list(context, { ...request, parents }), 'list'),
      count: (request, fields, key) =>
        load(request, fields, key, (parents) => driver.count(context, { ...request, parents }), 'count'),
      aggregate: (request, fields, key) =>
        load(request, fields, key, (parents) => driver.aggregate!(context, { ...request, parents }), 'aggregate'),
    };
  });
