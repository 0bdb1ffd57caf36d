/** The object subgraph: documents' and artifacts' bytes in S3 or in files, with signed URLs. */
import type { ArchiveSink, ShareLookup } from '#subgraphs/shared/ports.ts';
import type { Route, Subgraph } from '#subgraphs/shared/subgraph.ts';
import type { ObjectBounds } from './bounds.ts';
import type { FilesConfig, ObjectDriver, ObjectSigner, S3Config } from './driver.ts';
import { checkContentType } from './bytes/content-type.ts';
import { createDisabledDriver } from './drivers/disabled.ts';
import { checkKey } from './input.ts';
import { scopeOf } from './loaders.ts';
import { createSignedRoutes } from './links/routes.ts';
import { buildSchema } from './schema/index.ts';
import { once } from './bytes/once.ts';
import { keptObjects } from './bytes/kept-objects.ts';
import { UrlSigner } from './links/signed-urls.ts';

/** Bounds are said in `OBJECT` (./bounds.ts), with their defaults. */
export interface ObjectConfig extends ObjectBounds {
  driver: FilesConfig | S3Config | { kind: 'off' };
}

/** What the object subgraph needs of others. */
export interface ObjectPorts {
  /** What was shared with callers of projects. @default nothing was */
  readonly shares?: ShareLookup | undefined;
}

/**
 * Opens the store and builds the subgraph. An S3 server that is down does not fail this: its fields do, until it is
 * back.
 * @throws Error where the data folder cannot be made
 */
export async function createObject(config: ObjectConfig, { shares }: ObjectPorts = {}): Promise<Subgraph> {
  const { driver: store, ...bounds } = config;
  const { driver, signer, routes } = await openStore({ ...bounds, ...store });
  const archiveSink: ArchiveSink = {
    async put(context, key, contentType, body) {
      await driver.put(scopeOf(context), checkKey(key), once(body), {
        contentType: checkContentType(contentType),
        sizeBytes: body.byteLength,
      });
    },
  };
  return {
    name: 'object',
    schema: buildSchema({ driver, signer, shares, bounds }),
    routes,
    provides: { archiveSink },
    objects: store.kind === 'off' ? undefined : keptObjects(driver),
    erasure: driver.erasure,
    health: async () => [await driver.health()],
    ...(driver.examine === undefined ? {} : { examine: () => driver.examine!() }),
    close: () => driver.close(),
  };
}

async function openStore(
  config: ObjectConfig['driver'],
): Promise<{ driver: ObjectDriver; signer: ObjectSigner; routes: readonly Route[] }> {
  if (config.kind === 'files') {
    const { createFilesDriver } = await import('./drivers/files/index.ts');
    const driver = await createFilesDriver(config);
    const signer = new UrlSigner(config);
    return { driver, signer, routes: createSignedRoutes(driver, signer) };
  }
  if (config.kind === 's3') {
    const { createS3Driver } = await import('./drivers/s3/index.ts');
    if (config.publicEndpoint !== 'off') {
      const driver = createS3Driver(config);
      return { driver, signer: driver.signer, routes: [] };
    }
    if (config.gateway === undefined)
      throw new Error('Bytes that stream through the gateway need its signing key and its address.');
    const driver = createS3Driver({ ...config, publicEndpoint: undefined });
    const signer = new UrlSigner(config.gateway);
    return { driver, signer, routes: createSignedRoutes(driver, signer) };
  }
  const driver = createDisabledDriver();
  return { driver, signer: driver.signer, routes: [] };
}
