/** The commonest clients, set up as docs/clients.md says, against one server. */
import { afterAll, beforeAll } from 'vitest';
import { agents } from './agents.ts';
import { apollo } from './apollo.ts';
import { caches } from './caches.ts';
import { codeGeneration } from './code-generation.ts';
import { openLibrary, type Library } from './library.ts';
import { python } from './python.ts';
import { relay } from './relay.ts';
import { small } from './small.ts';
import './setup/node-20.ts';
import { urql } from './urql.ts';

let it: Library;
const library = (): Library => it;
beforeAll(async () => {
  it = await openLibrary();
});
afterAll(async () => {
  await it?.[Symbol.asyncDispose]();
});

caches(library);
relay(library);
apollo(library);
urql(library);
small(library);
agents(library);
codeGeneration(library);
python(library);
