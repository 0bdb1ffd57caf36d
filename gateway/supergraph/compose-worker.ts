/** Composes in a thread that ends: composition's code and trees are some 60 MB that serving does not need. */
import { parentPort, workerData } from 'node:worker_threads';
import { compose } from './compose.ts';
import type { SubgraphSource } from './schema-source.ts';

parentPort!.postMessage(compose(workerData as SubgraphSource[]));
