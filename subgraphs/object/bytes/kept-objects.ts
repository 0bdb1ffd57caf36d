/** The store of objects for whoever copies all of them. */
import { StatementCounter } from '#subgraphs/shared/context.ts';
import type { KeptObjects } from '#subgraphs/shared/kept-objects.ts';
import { OBJECT } from '../bounds.ts';
import type { ObjectDriver, ObjectScope } from '../driver.ts';

export function keptObjects(driver: ObjectDriver): KeptObjects {
  const of = (tenantId: string): ObjectScope => ({ tenantId, statements: new StatementCounter() });
  return {
    async *list(tenantId) {
      for (let after: string | null = null; ;) {
        const page = await driver.list(of(tenantId), { prefix: '', after, limit: OBJECT.listingPage });
        const known = await driver.stat(
          of(tenantId),
          page.map(({ key }) => key),
        );
        for (const { key } of page) {
          const info = known.get(key);
          if (info !== undefined) yield info;
        }
        after = page.at(-1)?.key ?? null;
        if (after === null || page.length < OBJECT.listingPage) return;
      }
    },
    async read(tenantId, key) {
      const opened = await driver.open(of(tenantId), key);
      if (opened === null) return null;
      if (opened.info.sizeBytes > 0) return opened.stream({ start: 0, end: opened.info.sizeBytes - 1 });
      await opened.close();
      return (async function* () {})();
    },
    async write(tenantId, { key, ...options }, bytes) {
      await driver.put(of(tenantId), key, bytes, options);
    },
    async remove(tenantId, key) {
      await driver.delete(of(tenantId), key);
    },
  };
}
