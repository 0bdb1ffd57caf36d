/** Entities of other subgraphs, known here by their key alone. */
import type { SubgraphBuilder } from '#subgraphs/shared/builder-types.ts';
import type { NodeRef, Ref, SchemaParts } from './entity.ts';

export function addStubs(builder: SubgraphBuilder, node: NodeRef): SchemaParts['stubs'] {
  const StoredObject = builder.objectRef<{ key: string }>('StoredObject');
  builder.asEntity(StoredObject, {
    key: builder.selection<{ key: string }>('key'),
    resolveReference: ({ key }) => ({ key }),
  });
  // Its owner describes the key.
  StoredObject.implement({ fields: (t) => ({ key: t.exposeString('key', { nullable: false }) }) });

  /** @param resolvable whether fields are added to it here */
  const known = (ref: Ref<{ id: string }>, resolvable: boolean): void =>
    builder.asEntity(ref, {
      key: builder.keyDirective(builder.selection<{ id: string }>('id'), resolvable),
      resolveReference: ({ id }) => ({ id }),
    });
  const Run = builder.objectRef<{ id: string }>('Run');
  Run.implement({ interfaces: [node], fields: (t) => ({ id: t.exposeID('id', { nullable: false }) }) });
  known(Run, true);
  const Entity = builder.objectRef<{ id: string }>('Entity');
  Entity.implement({ interfaces: [node], fields: (t) => ({ id: t.exposeID('id', { nullable: false }) }) });
  known(Entity, true);
  // Named by `Node` alone.
  const GraphRelation = builder.objectRef<{ id: string }>('GraphRelation');
  GraphRelation.implement({ interfaces: [node], fields: (t) => ({ id: t.exposeID('id', { nullable: false }) }) });
  known(GraphRelation, false);
  return { StoredObject, Run, Entity };
}
