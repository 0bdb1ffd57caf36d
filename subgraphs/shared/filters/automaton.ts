/**
 * Patterns as automata, for texts that are at hand. Of JavaScript's own engine a pattern of two `*` may take years over a text of
 * 64 KiB, and nothing else would be done meanwhile. This takes a step for each place in the pattern that a character may be at, and
 * counts them.
 *
 * K. Thompson: Regular Expression Search Algorithm. Communications of the ACM 11(6), 1968, pages 419-422.
 */
import { CodedError } from '../errors.ts';
import type { Pattern, PatternNode } from './pattern.ts';

/** How many steps may still be taken. */
export interface Steps {
  left: number;
}

type Test = (character: string) => boolean;
/** Where a character goes on, or what must be true of the place in the text; without either, only where else to be at once. */
interface Place {
  readonly test?: Test;
  readonly at?: 'start' | 'end';
  readonly next: number[];
}

/**
 * What tells whether a pattern is somewhere in a text.
 * @throws CodedError `QUERY_TOO_COSTLY`, what it gives, once there are no more steps
 */
export function matcherOf({ node, ignoreCase }: Pattern): (text: string, steps: Steps) => boolean {
  const places: Place[] = [];
  const add = (place: Place): number => places.push(place) - 1;
  const end = add({ next: [] });

  /** Adds what a node is made of, before the place that follows it. @returns where it begins */
  const build = (of: PatternNode, next: number): number => {
    switch (of.kind) {
      case 'start':
      case 'end':
        return add({ at: of.kind, next: [next] });
      case 'sequence':
        return of.of.reduceRight((behind, each) => build(each, behind), next);
      case 'alternatives':
        return add({ next: of.of.map((each) => build(each, next)) });
      case 'repeat': {
        let begin = next;
        if (of.most === Infinity) {
          const again = add({ next: [next] });
          places[again]!.next.push(build(of.of, again));
          begin = again;
        } else for (let i = of.least; i < of.most; i++) begin = add({ next: [next, build(of.of, begin)] });
        for (let i = 0; i < of.least; i++) begin = build(of.of, begin);
        return begin;
      }
      default:
        return add({ test: testOf(of, ignoreCase), next: [next] });
    }
  };
  const start = build(node, end);

  return (text, steps) => {
    const characters = [...text];
    /** At which character a place was last come to. */
    const seen = new Int32Array(places.length).fill(-1);
    let current: number[] = [];
    let found = false;
    const enter = (into: number[], from: number, index: number): void => {
      const open = [from];
      for (let place = open.pop(); place !== undefined; place = open.pop()) {
        if (seen[place] === index) continue;
        seen[place] = index;
        steps.left -= 1;
        const { test, at, next } = places[place]!;
        if (place === end) found = true;
        else if (test !== undefined) into.push(place);
        else if (at === undefined || index === (at === 'start' ? 0 : characters.length)) open.push(...next);
      }
      if (steps.left < 0) throw tooLong();
    };
    enter(current, start, 0);
    for (let index = 0; index < characters.length && !found; index++) {
      const following: number[] = [];
      for (const place of current) {
        const { test, next } = places[place]!;
        if (test!(characters[index]!)) enter(following, next[0]!, index + 1);
      }
      steps.left -= current.length;
      // It may begin at any character.
      enter(following, start, index + 1);
      current = following;
    }
    return found;
  };
}

function testOf(node: PatternNode, ignoreCase: boolean): Test {
  if (node.kind === 'any') return () => true;
  const [negated, ranges] =
    node.kind === 'class'
      ? [node.negated, node.ranges]
      : [false, [[(node as { text: string }).text, (node as { text: string }).text] as const]];
  const points = ranges.map(([from, to]) => [from.codePointAt(0)!, to.codePointAt(0)!] as const);
  const within = (character: string): boolean => {
    const point = character.codePointAt(0)!;
    return points.some(([from, to]) => point >= from && point <= to);
  };
  if (!ignoreCase) return negated ? (character) => !within(character) : within;
  return (character) => formsOf(character).some(within) !== negated;
}

/** A character in each case. */
function formsOf(character: string): string[] {
  const upper = character.toUpperCase();
  const forms = [character, character.toLowerCase(), upper, upper.toLowerCase()];
  // What is several characters in another case, such as `ß`, is its own alone.
  return forms.filter((form) => form.length === String.fromCodePoint(form.codePointAt(0)!).length);
}

const tooLong = () =>
  new CodedError(
    'QUERY_TOO_COSTLY',
    'The regular expressions of the filter take too long on what there is to look at.',
    {
      hint: 'Use simpler ones, `startsWith` or `contains`, or narrow the filter by `eq` and `in`.',
    },
  );
