/** Documents whose text is in a file that the caller sends along: it is read here, within bounds. */
import { base64Length, decodeBase64 } from '#subgraphs/shared/base64.ts';
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { readerOf, type Extraction } from '#subgraphs/shared/extraction/extraction.ts';
import { whatItSays } from '#subgraphs/shared/extraction/what-it-says.ts';
import { UnreadableError } from '#subgraphs/shared/extraction/unreadable.ts';
import { RELATIONAL } from '../bounds.ts';
import { checkCount, jsonObject, type TextDocumentInput, type UpsertDocumentInput } from './input.ts';

/**
 * Reads those that came as files, one after the other: a batch takes the turns of one request. Their own metadata is before
 * what the file says of itself.
 * @throws CodedError `BAD_USER_INPUT` where one has neither a text nor content, or both, or cannot be read; `PAYLOAD_TOO_LARGE`
 *   where one, or all together, are too long; `RATE_LIMITED` where too many of the tenant's files wait
 */
export async function withTexts(
  extraction: Extraction,
  context: RequestContext,
  inputs: readonly UpsertDocumentInput[],
): Promise<TextDocumentInput[]> {
  checkCount(inputs);
  for (const { content, text } of inputs)
    if ((content == null) === (text == null))
      throw badUserInput('A document has a `text` or the `content` of a file: give one of the two.');
  const all = inputs.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  if (all > base64Length(RELATIONAL.batchBytes))
    throw tooLarge('The `content` of all documents', RELATIONAL.batchBytes);
  const texts: TextDocumentInput[] = [];
  for (const { content, text, ...input } of inputs)
    texts.push(
      content == null
        ? { ...input, text: text! }
        : { ...input, ...(await readDocument(extraction, context, { ...input, content })) },
    );
  return texts;
}

async function readDocument(
  extraction: Extraction,
  context: RequestContext,
  { content, source, mediaType, metadata }: UpsertDocumentInput & { content: string },
): Promise<Pick<TextDocumentInput, 'text' | 'mediaType' | 'metadata'>> {
  // Before decoding.
  if (content.length > base64Length(RELATIONAL.fileBytes)) throw tooLarge('`content`', RELATIONAL.fileBytes);
  const own = jsonObject('metadata', metadata);
  try {
    const read = await extraction.read(
      { bytes: decodeBase64('content', content), name: source, mediaType },
      readerOf(context),
    );
    return { text: read.text, mediaType: read.mediaType, metadata: { ...whatItSays(read), ...(own as object) } };
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw badUserInput(
      `The file of ${JSON.stringify(source.slice(0, RELATIONAL.nameCharacters))} cannot be read: ${error.message}.`,
      {
        hint: 'Send a file that can, say by `mediaType` what it is, or send its `text`.',
        cause: error,
      },
    );
  }
}

const tooLarge = (what: string, most: number): CodedError =>
  new CodedError('PAYLOAD_TOO_LARGE', `${what} has more than ${most} bytes, the most that are accepted.`, {
    hint: 'Send fewer at once, or the `text`.',
  });
