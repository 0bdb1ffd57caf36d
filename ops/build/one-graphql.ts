/** `graphql` compares values by its own classes, so a program may have it once: every way to ask for it leads to the same modules. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';

export function oneGraphql(root: string): Plugin {
  const folder = join(root, 'node_modules/graphql');
  return {
    name: 'one-graphql',
    setup(build) {
      build.onResolve({ filter: /^graphql(\/|$)/ }, ({ path: asked }) => {
        const place = asked.slice('graphql'.length).replace(/\.m?js$/, '');
        const path = [`${place}.mjs`, join(place, 'index.mjs')]
          .map((file) => join(folder, file))
          .find((file) => existsSync(file));
        return path === undefined ? { errors: [{ text: `graphql has no ${asked}.` }] } : { path };
      });
    },
  };
}

/** @throws Error where the bundles hold it more than once all the same */
export function assertOneGraphql({ inputs }: Metafile): void {
  const others = Object.keys(inputs).filter(
    (path) => /(^|\/)node_modules\/graphql\//.test(path) && !/^node_modules\/graphql\/.*\.mjs$/.test(path),
  );
  if (others.length > 0) throw new Error(`A second graphql would be bundled: ${others.slice(0, 3).join(', ')}`);
}
