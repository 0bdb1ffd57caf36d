/**
 * Which parts of a schema answer a question in plain words: by its words, by those that stand for them in names, and by meaning.
 * What each counts was found by measuring with the questions of tests/gateway/schema-questions.ts (docs/agents.md).
 */
import { AGENTS } from '#gateway/bounds/agents.ts';
import type { Entry, Kind } from './schema-entries.ts';
import { askedFor, tellingWords, wantedBy, type Wanted } from './schema-words.ts';

/** Gives texts their vectors, which are of length 1. */
export type EmbedTexts = (texts: readonly string[]) => Promise<readonly Float32Array[]>;

/** An entry, and how well it fits: above 0, and comparable within one ranking. */
export interface Ranked {
  readonly entry: Entry;
  readonly value: number;
}

/** The best entries for a question, the best first; none where nothing has to do with it. */
export type Rank = (question: string, limit: number) => Promise<Ranked[]>;

/** What a kind of entry counts. */
const KIND: Readonly<Record<Kind, number>> = { query: 1.25, numbers: 1.25, change: 0.9, stream: 0.9, field: 1, leaf: 0.7, inherited: 0.15, type: 0.2, input: 0.15, page: 0.1 }; // prettier-ignore
/** What kinds count more, or less, by what a question wants. */
const WANTED = { change: 1.9, besideChange: 1.3, numbers: 1.6, noNumbers: 0.2, live: 2 } as const;
/** What a word counts that stands for the one asked for. */
const SYNONYM = 0.95;
/** What it counts more where all of a name is asked for. */
const WHOLE_NAME = 0.9;
/** What meaning counts beside words; and of meaning, that of the name alone beside that of all that is said. */
const MEANING = 0.52;
const MEANING_OF_NAME = 0.33;
/** What each further root field of the same counts, and each further field of other types that is called the same and leads to the same. */
const AGAIN = { root: 0.76, field: 0.32 } as const;

/** @param embed without it parts are found by their words alone */
export function ranking(entries: readonly Entry[], embed?: EmbedTexts): Rank {
  const index = new Map<string, { readonly at: number; readonly weight: number }[]>();
  for (const [at, { words }] of entries.entries())
    for (const [word, weight] of words) {
      const places = index.get(word) ?? [];
      index.set(word, places);
      places.push({ at, weight });
    }
  const rarity = (word: string): number => Math.log(1 + entries.length / (index.get(word)?.length ?? 1));
  let vectors: Promise<ReadonlyMap<Entry, Vectors>> | undefined;

  return async (question, limit) => {
    const byWords = scores(askedFor(question));
    const most = byWords.reduce((a, b) => Math.max(a, b), Number.MIN_VALUE);
    const near = await nearness(question);
    const wanted = wantedBy(question);
    const scored = entries.map((entry, at) => {
      const cosine = near?.(entry) ?? 0;
      const fits = byWords[at]! > 0 || cosine >= AGENTS.leastNearness;
      const value = (1 - MEANING) * (byWords[at]! / most) + MEANING * cosine;
      return { entry, value: fits ? value * KIND[entry.kind] * factor(entry, wanted) : 0 };
    });
    const candidates = scored
      .filter(({ value }) => value > 0)
      .sort((a, b) => b.value - a.value)
      .slice(0, limit * AGENTS.candidates);
    return varied(candidates, limit);
  };

  /** By words: how rare each is and where it stands, more where more of them are found, and where they are the whole name. */
  function scores(asked: readonly (readonly string[])[]): Float64Array {
    const sums = new Float64Array(entries.length);
    const found = new Float64Array(entries.length);
    const named = new Map<number, Map<string, number>>();
    for (const same of asked) {
      const best = new Map<number, { value: number; share: number }>();
      for (const [rank, word] of same.entries()) {
        const share = rank === 0 ? 1 : SYNONYM;
        for (const { at, weight: anywhere } of index.get(word) ?? []) {
          const { own, name } = entries[at]!;
          const isName = name.includes(word);
          // What stands for the word counts where it is said of the thing itself.
          const weight = rank === 0 ? anywhere : own.get(word);
          if (weight === undefined) continue;
          const value = share * weight * rarity(word);
          if (value > (best.get(at)?.value ?? 0)) best.set(at, { value, share });
          if (!isName) continue;
          const of = named.get(at) ?? new Map<string, number>();
          named.set(at, of.set(word, Math.max(of.get(word) ?? 0, share)));
        }
      }
      for (const [at, { value, share }] of best) {
        sums[at]! += value;
        found[at]! += share;
      }
    }
    return sums.map((sum, at) => {
      const whole = named.has(at) ? shareOfName(entries[at]!, named.get(at)!) : 0;
      return sum * (found[at]! / Math.max(asked.length, 1)) * (1 + WHOLE_NAME * whole);
    });
  }

  function shareOfName({ name }: Entry, asked: ReadonlyMap<string, number>): number {
    const whole = name.reduce((sum, word) => sum + rarity(word), 0);
    return name.reduce((sum, word) => sum + rarity(word) * (asked.get(word) ?? 0), 0) / whole;
  }

  /** How near the meaning of an entry is to that of the question; undefined where nothing embeds. */
  async function nearness(question: string): Promise<((entry: Entry) => number) | undefined> {
    if (embed === undefined) return undefined;
    vectors ??= vectorsOf(embed).catch((error: unknown) => {
      vectors = undefined; // Whoever asks next tries again.
      throw error;
    });
    const [known, [asked]] = await Promise.all([vectors, embed([tellingWords(question).join(' ') || question])]);
    return (entry) => {
      const of = known.get(entry);
      if (of === undefined || asked === undefined) return 0;
      const [name, whole] = of.map((vector) => Math.max(0, cosineOf(asked, vector)));
      return MEANING_OF_NAME * name! + (1 - MEANING_OF_NAME) * whole!;
    };
  }

  async function vectorsOf(make: EmbedTexts): Promise<ReadonlyMap<Entry, Vectors>> {
    const embedded = entries.filter(({ meaning }) => meaning !== undefined).slice(0, AGENTS.embedded);
    const made = await make(embedded.flatMap(({ meaning }) => meaning!));
    return new Map(embedded.map((entry, at) => [entry, [made[2 * at]!, made[2 * at + 1]!]]));
  }
}

type Vectors = readonly [name: Float32Array, whole: Float32Array];

function factor({ kind }: Entry, { change, number, live }: Wanted): number {
  const isRoot = kind === 'query' || kind === 'numbers' || kind === 'stream';
  const byChange = !change ? 1 : kind === 'change' ? WANTED.change : isRoot ? WANTED.besideChange : 1;
  const byNumber = kind !== 'numbers' ? 1 : number ? WANTED.numbers : WANTED.noNumbers;
  return byChange * byNumber * (live && kind === 'stream' ? WANTED.live : 1);
}

/** The best of them, of which none is the same in other words again and again. */
function varied(candidates: readonly Ranked[], limit: number): Ranked[] {
  const left = [...candidates];
  const shown: Ranked[] = [];
  const times = new Map<string, number>();
  while (left.length > 0 && shown.length < limit) {
    const values = left.map(({ entry: { kind, family }, value }) => {
      const isRoot = kind === 'query' || kind === 'numbers';
      return value * (isRoot ? AGAIN.root : AGAIN.field) ** (times.get(family) ?? 0);
    });
    const value = Math.max(...values);
    const { entry } = left.splice(values.indexOf(value), 1)[0]!;
    shown.push({ entry, value });
    times.set(entry.family, (times.get(entry.family) ?? 0) + 1);
  }
  return shown;
}

function cosineOf(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += one[at]! * other[at]!;
  return sum;
}
