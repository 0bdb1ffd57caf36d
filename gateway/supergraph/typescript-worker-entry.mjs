// What a worker thread runs first: see typescript-worker.ts.
import { register } from 'tsx/esm/api';

register();
await import(process.argv[2]);
