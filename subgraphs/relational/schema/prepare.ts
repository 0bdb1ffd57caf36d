/** Documents as they are written: checked, and cut for this server's model. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { withTexts } from '../documents/from-bytes.ts';
import { prepareDocuments, type UpsertDocumentInput } from '../documents/input.ts';
import { cut } from '../documents/in-thread.ts';
import type { PreparedDocument } from '../driver.ts';
import type { SchemaParts } from './entity.ts';

/** @throws what {@link withTexts}, {@link prepareDocuments} and {@link cut} do */
export async function prepare(
  { cutting }: SchemaParts,
  context: RequestContext,
  inputs: readonly UpsertDocumentInput[],
): Promise<PreparedDocument[]> {
  const { work, extraction, maxTokens } = cutting();
  return await prepareDocuments(
    context.principal.tenantId,
    await withTexts(extraction, context, inputs),
    ({ text, mediaType, title }) => cut(work, context, { text, mediaType, title, maxTokens }),
    maxTokens,
  );
}
