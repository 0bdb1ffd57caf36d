/** What an operation searches the schema for is found before it is answered, since that takes turns, and answering a place does not. */
import { Kind, type ValueNode } from 'graphql';
import { RESPOND } from '#gateway/bounds/respond.ts';
import type { Found, FoundDefinition, SchemaFinder } from '#gateway/respond/semantic-introspection.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { nextTurn } from '#subgraphs/shared/turns.ts';
import { cancelled } from '../run/fetch-errors.ts';

/** Searches for all that an operation searches for, each text once, in turns with others. Never rejects but for who has left. */
export async function foundBy(
  finder: SchemaFinder,
  searches: readonly ValueNode[],
  variables: Readonly<Record<string, unknown>>,
  { principal, signal }: RequestContext,
): Promise<Found> {
  const found = new Map<string, readonly FoundDefinition[] | CodedError>();
  for (const search of searches) {
    const query =
      search.kind === Kind.VARIABLE ? variables[search.name.value] : search.kind === Kind.STRING && search.value;
    if (typeof query !== 'string' || found.has(query)) continue;
    if (query.length > RESPOND.searchCharacters) {
      found.set(query, badUserInput(`\`query\` of \`__search\` has at most ${RESPOND.searchCharacters} characters.`));
    } else if (found.size >= RESPOND.searches) {
      found.set(query, tooMany);
    } else {
      await nextTurn(principal.tenantId);
      if (signal?.aborted === true) throw cancelled(signal);
      found.set(query, await finder.find(query).catch(codedOr));
    }
  }
  return found;
}

const tooMany = new CodedError(
  'QUERY_TOO_COSTLY',
  `An operation searches the schema for at most ${RESPOND.searches} texts.`,
  { hint: 'Ask for the others in another operation.' },
);

function codedOr(error: unknown): CodedError {
  return error instanceof CodedError
    ? error
    : new CodedError('INTERNAL_SERVER_ERROR', 'The schema could not be searched.', { cause: error });
}
