/**
 * Loaders of one request. What a request asks for together is one statement, also where its execution lets others have
 * their turn in between: a batch goes out once nothing of the request waits for its turn.
 */
import DataLoader from 'dataloader';
import { requestOf, type RequestContext } from './context.ts';

interface Gathering {
  /** Executions of the request that wait for their turn. */
  held: number;
  /** Batches that are to go out once none does. */
  ready: (() => void)[];
}

const gatherings = new WeakMap<RequestContext, Gathering>();

/**
 * Keeps the request's batches from going out until the returned function is called: more is going to be asked for. The
 * caller must not wait for what is loaded.
 */
export function holdBatches(context: RequestContext): () => void {
  const request = requestOf(context);
  let gathering = gatherings.get(request);
  if (gathering === undefined) gatherings.set(request, (gathering = { held: 0, ready: [] }));
  const held = gathering;
  held.held += 1;
  return () => {
    held.held -= 1;
    if (held.held > 0) return;
    for (const send of held.ready.splice(0)) soon(send, context);
  };
}

/** Once this tick and the promises that are settled have asked for what they ask for, as DataLoader does by itself. */
function soon(send: () => void, context: RequestContext): void {
  void Promise.resolve().then(() =>
    process.nextTick(() => {
      const gathering = gatherings.get(requestOf(context));
      if (gathering === undefined || gathering.held === 0) send();
      else gathering.ready.push(send);
    }),
  );
}

/** A loader of the request. */
export function requestLoader<Key, Value, CacheKey = Key>(
  context: RequestContext,
  load: DataLoader.BatchLoadFn<Key, Value>,
  options: Pick<DataLoader.Options<Key, Value, CacheKey>, 'cache' | 'cacheKeyFn' | 'maxBatchSize'> = {},
): DataLoader<Key, Value, CacheKey> {
  return new DataLoader<Key, Value, CacheKey>(load, { ...options, batchScheduleFn: (send) => soon(send, context) });
}
