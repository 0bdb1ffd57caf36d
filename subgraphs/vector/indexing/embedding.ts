/** Embedding texts of any length: one that the model refuses as too long is embedded in parts, and the others as they are. */
import type { RequestContext } from '#subgraphs/shared/context.ts';
import { tooLongOf, type TooLong } from '#subgraphs/shared/errors.ts';
import type { Embedder } from '#subgraphs/shared/ports.ts';
import { PROSE_CUTS, split } from '#subgraphs/shared/splitting.ts';
import { VECTOR } from '../bounds.ts';
import type { VectorModel } from '../driver.ts';
import { modelOf } from './embedding-model.ts';
import { meanVector, modelsVector } from './vectors.ts';

/** What stands for a text. */
export interface EmbeddedText {
  /** L2-normalised; of a text in parts, the mean of theirs. */
  readonly vector: Float32Array;
  /** In how many parts the text was embedded. */
  readonly parts: number;
}

export interface Embedded {
  readonly model: VectorModel;
  /** One for each text, in order. */
  readonly texts: readonly EmbeddedText[];
}

/** What is embedded: a chunk from the middle of a document says little about what it belongs to, its title does. */
export const embeddedText = (title: string, text: string): string => (title === '' ? text : `${title}\n\n${text}`);

/**
 * Embeds every text. Where some are refused as too long, the others are embedded again without them, and those in parts.
 * @throws what the embedder throws, but a refusal that dividing mends
 */
export async function embedTexts(
  context: RequestContext,
  embedder: Embedder,
  texts: readonly string[],
): Promise<Embedded> {
  await modelOf(context, embedder);
  return await embedDivided(context, embedder, texts, 0);
}

async function embedDivided(
  context: RequestContext,
  embedder: Embedder,
  texts: readonly string[],
  divisions: number,
): Promise<Embedded> {
  /** Of each text that was refused; none of the others. */
  let parts: readonly (readonly string[])[];
  try {
    return await embed(context, embedder, texts);
  } catch (error) {
    const tooLong = tooLongOf(error);
    if (tooLong === undefined || divisions === VECTOR.divisions) throw error;
    const refused = new Set(refusedOf(texts, tooLong));
    parts = texts.map((text, at) => (refused.has(at) ? partsOf(text, tooLong) : []));
    // Nothing that could be divided further.
    if (parts.every((own) => own.length < 2)) throw error;
  }
  const whole = texts.filter((_, at) => parts[at]!.length === 0);

  const inParts = await embedDivided(context, embedder, parts.flat(), divisions + 1);
  const { model } = inParts;
  const rest = whole.length === 0 ? [] : (await embedDivided(context, embedder, whole, divisions + 1)).texts;
  let [nextPart, nextWhole] = [0, 0];
  return {
    model,
    texts: parts.map((own) => {
      if (own.length === 0) return rest[nextWhole++]!;
      const of = inParts.texts.slice(nextPart, (nextPart += own.length));
      return {
        vector: meanVector(
          of.map(({ vector }) => vector),
          model.dimensions,
        ),
        parts: of.reduce((sum, each) => sum + each.parts, 0),
      };
    }),
  };
}

/** Which texts were refused: all, where whoever refused did not say. */
const refusedOf = (texts: readonly string[], { inputs }: TooLong): readonly number[] =>
  inputs === undefined || inputs.length === 0 ? texts.map((_, at) => at) : inputs.filter((at) => at < texts.length);

/** Halves of a text, or what fits where the limit is one of characters. */
function partsOf(text: string, { limit, unit }: TooLong): string[] {
  const half = Math.ceil(text.length / 2);
  return split(
    text,
    unit === 'CHARACTERS' && limit !== undefined ? Math.max(Math.min(limit, half), 1) : half,
    PROSE_CUTS,
  );
}

async function embed(context: RequestContext, embedder: Embedder, texts: readonly string[]): Promise<Embedded> {
  const { model, dimensions, vectors } = await embedder.embed(context, texts);
  if (vectors.length !== texts.length)
    throw new Error(`The embedder sent ${vectors.length} vectors for ${texts.length} texts.`);
  return {
    model: { model, dimensions },
    texts: vectors.map((vector) => ({ vector: modelsVector(vector, dimensions), parts: 1 })),
  };
}
