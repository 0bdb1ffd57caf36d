/** Tells of keys that no document's metadata has, and of collections that there are not. */
import type { GraphQLResolveInfo } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { Condition } from '#subgraphs/shared/filters/condition.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import { tellUnknownCollections, tellUnknownKeys } from '#subgraphs/shared/filters/unknown.ts';
import { RELATIONAL } from '../bounds.ts';
import type { RelationalDriver } from '../driver.ts';

/** Never fails: a hint is no reason for an error. */
export async function tellUnknown(
  driver: RelationalDriver,
  where: FilterInput | null | undefined,
  condition: Condition | undefined,
  context: RequestContext,
  info: GraphQLResolveInfo,
): Promise<void> {
  const unlessAll = (known: readonly string[], most: number) => (known.length < most ? known : undefined);
  await tellUnknownKeys(where, info, async () =>
    unlessAll(await driver.metadataKeys(context, RELATIONAL.metadataKeys), RELATIONAL.metadataKeys),
  );
  await tellUnknownCollections(condition, info, async () =>
    unlessAll(await driver.documentCollections(context, RELATIONAL.collections), RELATIONAL.collections),
  );
}
