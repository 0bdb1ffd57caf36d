/** Tells of keys that no document's metadata has. */
import type { GraphQLResolveInfo } from 'graphql';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import type { FilterInput } from '#subgraphs/shared/filters/parse.ts';
import * as shared from '#subgraphs/shared/filters/unknown-keys.ts';
import { RELATIONAL } from '../bounds.ts';
import type { RelationalDriver } from '../driver.ts';

/** Never fails: a hint is no reason for an error. */
export const tellUnknownKeys = async (
  driver: RelationalDriver,
  where: FilterInput | null | undefined,
  context: RequestContext,
  info: GraphQLResolveInfo,
): Promise<void> =>
  await shared.tellUnknownKeys(where, info, async () => {
    const known = await driver.metadataKeys(context, RELATIONAL.metadataKeys);
    return known.length < RELATIONAL.metadataKeys ? known : undefined;
  });
