/** How much there is, and what is called what: the same in every store. */
import { random } from '#tests/setup/random.ts';

export interface Sizes {
  readonly documents: number;
  readonly chunksPerDocument: number;
  readonly vectors: number;
  readonly entities: number;
  readonly relationsPerEntity: number;
  /** Documents that mention entities. */
  readonly mentioning: number;
}

export const sizesOf = (scale: number): Sizes => ({
  documents: Math.round(100_000 * scale),
  chunksPerDocument: 10,
  vectors: Math.round(100_000 * scale),
  entities: Math.round(200_000 * scale),
  relationsPerEntity: 5,
  mentioning: Math.round(20_000 * scale),
});

export const DIMENSIONS = 384;
export const MODEL = { model: 'bench', dimensions: DIMENSIONS };
export const BIG = 'big';
/** Owns every hundredth row. */
export const SMALL = 'small';
export const KINDS = 20;
export const MENTIONS = 3;

export const tenantOf = (i: number): string => (i % 100 === 0 ? SMALL : BIG);
/** The tenant's number nearest to `i`. */
export const ownOf = (tenant: string, i: number): number =>
  tenant === SMALL ? i - (i % 100) : i % 100 === 0 ? i + 1 : i;

const TOPICS = 2_000;
const gauss = (next: () => number): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
const topic = (i: number): Float32Array => {
  const next = random(1_000_003 + i);
  return Float32Array.from({ length: DIMENSIONS }, () => gauss(next));
};
const topics = new Map<number, Float32Array>();

/** A unit vector near one of 2,000 topics, as texts are: a topic and as much of its own. */
export function vectorOf(i: number): Float32Array {
  const next = random(i + 1);
  const about = Math.floor(next() * TOPICS);
  let centre = topics.get(about);
  if (centre === undefined) topics.set(about, (centre = topic(about)));
  const vector = centre.map((value) => value + gauss(next));
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
