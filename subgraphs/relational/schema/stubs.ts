/** Entities of other subgraphs, known here by their key alone. */
import type { SubgraphBuilder } from '#subgraphs/shared/builder-types.ts';
import type { NodeRef, Ref } from './entity.ts';

export function addStubs(
  builder: SubgraphBuilder,
  node: NodeRef,
): { StoredObject: Ref<{ key: string }>; Run: Ref<{ id: string }> } {
  const StoredObject = builder.objectRef<{ key: string }>('StoredObject');
  builder.asEntity(StoredObject, {
    key: builder.keyDirective(builder.selection<{ key: string }>('key'), false),
    resolveReference: ({ key }) => ({ key }),
  });
  // Its owner describes the key.
  StoredObject.implement({ fields: (t) => ({ key: t.exposeString('key', { nullable: false }) }) });

  /** @param resolvable whether fields are added to it here */
  const known = (name: string, resolvable = false): Ref<{ id: string }> => {
    const ref = builder.objectRef<{ id: string }>(name);
    builder.asEntity(ref, {
      key: builder.keyDirective(builder.selection<{ id: string }>('id'), resolvable),
      resolveReference: ({ id }) => ({ id }),
    });
    ref.implement({ interfaces: [node], fields: (t) => ({ id: t.exposeID('id', { nullable: false }) }) });
    return ref;
  };
  const Run = known('Run', true);
  // Named by `Node` alone.
  known('Entity');
  known('GraphRelation');
  return { StoredObject, Run };
}
