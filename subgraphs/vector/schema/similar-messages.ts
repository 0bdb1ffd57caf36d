/** `Query.similarMessages`, and the messages of sessions that it leads to, which another subgraph owns. */
import type { SubgraphSchema } from '#subgraphs/shared/builder.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import type { FactFilterShape } from '../input.ts';
import type { VectorLoaders } from '../loaders.ts';
import { checkNearMessages } from '../search/nearest-documents.ts';
import { VECTOR } from '../bounds.ts';
import type { VectorSchemaDeps } from './deps.ts';
import { addNearById } from './near-ranking.ts';
import type { Stub } from './similar.ts';

export function addSimilarMessages(
  subgraph: SubgraphSchema,
  deps: VectorSchemaDeps,
  loaders: (context: RequestContext) => VectorLoaders,
): void {
  const { builder } = subgraph;
  const Message = builder.objectRef<Stub>('Message');
  Message.implement({
    // No description: relational owns the type, and two descriptions would differ.
    fields: (t) => ({ id: t.exposeID('id', { nullable: false, description: 'The id.' }) }),
  });
  addNearById<FactFilterShape>(subgraph, {
    type: 'Message',
    node: Message,
    field: 'similarMessages',
    description: `The messages of sessions nearest to a query by what is said, the nearest first: the caller's own, or everybody's with the scope \`sessions:all\`. At most ${VECTOR.rankedDocuments.toLocaleString('en')} in all pages. \`messages\` has the same as \`where: { similarTo }\` and \`orderBy: [{ field: SIMILARITY }]\`, beside its other conditions, such as of which session and by whom. \`STORE_DISABLED\` where \`INDEX_MESSAGES\` has none followed.`,
    item: 'message',
    items: 'messages',
    scored: 'the beginning of its content',
    phrases: 'the content',
    page: async (args, context) => {
      if (!deps.messagesIndexed)
        throw new CodedError('STORE_DISABLED', 'Messages are not found by meaning here.', {
          hint: 'Set INDEX_MESSAGES=always: with a model that costs money each message is embedded then, which is why it is not done by itself. `messages(where: { content: { contains } })` finds words without it.',
        });
      return await loaders(context).nearMessages.page(checkNearMessages(context, args));
    },
  });
}
