/** What is answered where another subgraph would have to be asked, and nobody has said where it is. */
import { CodedError } from '#subgraphs/shared/errors.ts';

/** @throws CodedError `STORE_DISABLED`: nobody told this subgraph, which runs apart, where another is that knows something */
export function notTold(what: string, owner: string): never {
  throw new CodedError(
    'STORE_DISABLED',
    `${what} is not known: the subgraph relational has not been told where ${owner} is.`,
    { hint: `Set SUBGRAPH_${owner.toUpperCase()}_URL where relational runs, and restart it.` },
  );
}
