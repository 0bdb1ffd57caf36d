/** What a source is opened with in tests. */
import { SOURCES } from '#subgraphs/sources/bounds.ts';
import type { SourceOptions } from '#subgraphs/sources/driver.ts';

/** @param more what is to be otherwise */
export const shopOptions = (url: string, more: Partial<SourceOptions> = {}): SourceOptions => ({
  ...SOURCES,
  name: 'shop',
  variable: 'SHOP_URL',
  url: () => url,
  preparedStatements: true,
  onIdleError: () => undefined,
  ...more,
});
