/** `npm run new -- driver <subgraph> <store>`: a class with every member of the interface, and the contract to meet. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SUBGRAPH_NAMES, type SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { stubClasses } from './interface-stubs.ts';
import { parseSource } from './source.ts';
import { fill, NewError, type Skeleton } from './template.ts';

/** What a driver of each subgraph consists of: classes by the end of their names. */
const CLASSES: Readonly<Record<SubgraphName, readonly { ending: string; interfaceName: string }[]>> = {
  relational: [{ ending: 'Relational', interfaceName: 'RelationalDriver' }],
  graph: [{ ending: 'Graph', interfaceName: 'GraphDriver' }],
  vector: [{ ending: 'Vectors', interfaceName: 'VectorDriver' }],
  object: [
    { ending: 'Objects', interfaceName: 'ObjectDriver' },
    { ending: 'Signer', interfaceName: 'ObjectSigner' },
  ],
  inference: [
    { ending: 'Server', interfaceName: 'ModelServer' },
    { ending: 'Embedding', interfaceName: 'EmbeddingDriver' },
    { ending: 'Chat', interfaceName: 'ChatDriver' },
    { ending: 'Rerank', interfaceName: 'RerankDriver' },
  ],
  runs: [{ ending: 'Runs', interfaceName: 'RunsDriver' }],
};

/** A word that names a subgraph. @throws NewError with those that do */
export function subgraphNamed(word: string | undefined): SubgraphName {
  const found = SUBGRAPH_NAMES.find((name) => name === word);
  if (found === undefined)
    throw new NewError(
      `${word === undefined ? 'A subgraph is missing' : `There is no subgraph ${JSON.stringify(word)}`}. There are: ${SUBGRAPH_NAMES.join(', ')}.`,
    );
  return found;
}

/** `milvus-lite` → `MilvusLite`. */
const pascal = (name: string): string =>
  name.replaceAll(/(?:^|-)([a-z0-9])/g, (_, first: string) => first.toUpperCase());

/**
 * The skeleton of a driver.
 * @param root the project's folder
 * @throws NewError where the words name no subgraph or no possible store
 */
export async function newDriver(root: string, [subgraphWord, store, ...more]: readonly string[]): Promise<Skeleton> {
  const subgraph = subgraphNamed(subgraphWord);
  if (store === undefined || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(store) || more.length > 0)
    throw new NewError(
      'A driver needs one name of a store, in small letters, digits and hyphens: driver vector milvus',
    );
  const drivers = `subgraphs/${subgraph}/drivers`;
  const others = await readdir(join(root, drivers));
  if (others.some((name) => name === store || name === `${store}.ts`))
    throw new NewError(`${subgraph} has a driver ${store} already: ${drivers}/${store}`);
  const values = {
    subgraph,
    store,
    Store: pascal(store),
    STORE: store.replaceAll('-', '_').toUpperCase(),
    interface: CLASSES[subgraph][0]!.interfaceName,
    example: others
      .filter((name) => !name.endsWith('.ts'))
      .map((name) => `${drivers}/${name}`)
      .join(', '),
  };
  const classes = CLASSES[subgraph].map(({ ending, interfaceName }) => ({
    className: `${values.Store}${ending}`,
    interfaceName,
    store,
  }));
  const stubs = stubClasses(await parseSource(root, `subgraphs/${subgraph}/driver.ts`), classes, '../../');
  return {
    created: new Map([
      [`${drivers}/${store}/index.ts`, await fill('driver/index.ts.txt', { ...values, ...stubs })],
      [`tests/contract/${subgraph}-${store}.test.ts`, await fill(`driver/${subgraph}.test.ts.txt`, values)],
    ]),
    changed: new Map(),
    next: await fill('driver/next.txt', values),
  };
}
