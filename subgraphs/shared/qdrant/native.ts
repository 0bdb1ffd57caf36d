/** What Qdrant checks of a condition. */
import type { Schemas } from '@qdrant/js-client-rest';
import { nativeFilters, type Native as NativeOf } from '../filters/native.ts';

type Filter = Schemas['Filter'] | Schemas['FieldCondition'];

export type Native = NativeOf<Filter>;

export const { ALL, NOTHING, UNCHECKED, together, without } = nativeFilters<Filter>({
  all: (must) => ({ must: [...must] }),
  any: (should) => ({ should: [...should] }),
  not: (filter) => ({ must_not: [filter] }),
});
