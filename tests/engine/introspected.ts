/** The federation of conformance/introspection-below, with an event: what is asked of the schema below the root, in events and as text. */
import { federate, type Federation } from './federation.ts';
import folder from './conformance/introspection-below/case.ts';

export function federateIntrospected(options: Parameters<typeof federate>[1] = {}): Promise<Federation> {
  const { a, b } = folder.subgraphs;
  return federate(
    {
      a: {
        ...a!,
        resolvers: {
          ...a!.resolvers,
          Subscription: {
            changes: {
              async *subscribe() {
                await Promise.resolve();
                yield { changes: { ok: true, query: {}, thing: { id: '1' } } };
              },
            },
          },
        },
      },
      b: b!,
    },
    { inThread: true, ...options },
  );
}
