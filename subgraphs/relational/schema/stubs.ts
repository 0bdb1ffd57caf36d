/** Entities of other subgraphs, known here by their key alone. */
import type { SubgraphBuilder } from '#subgraphs/shared/builder-types.ts';
import type { Ref } from './entity.ts';

export function addStubs(builder: SubgraphBuilder): { StoredObject: Ref<{ key: string }>; Run: Ref<{ id: string }> } {
  const StoredObject = builder.objectRef<{ key: string }>('StoredObject');
  builder.asEntity(StoredObject, {
    key: builder.keyDirective(builder.selection<{ key: string }>('key'), false),
    resolveReference: ({ key }) => ({ key }),
  });
  // Its owner describes the key.
  StoredObject.implement({ fields: (t) => ({ key: t.exposeString('key', { nullable: false }) }) });

  const Run = builder.objectRef<{ id: string }>('Run');
  builder.asEntity(Run, {
    key: builder.keyDirective(builder.selection<{ id: string }>('id'), false),
    resolveReference: ({ id }) => ({ id }),
  });
  Run.implement({ fields: (t) => ({ id: t.exposeID('id', { nullable: false, description: 'The id.' }) }) });
  return { StoredObject, Run };
}
