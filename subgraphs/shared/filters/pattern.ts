/**
 * The regular expressions of `matches`: one dialect for all stores, written out for each (automaton.ts where texts are at hand). It is what RE2, PostgreSQL, Java and JavaScript
 * mean alike, without what could make a store search for long: no reference back, no look around, nothing repeated within a repetition.
 */
import { SHARED } from '../bounds.ts';
import { badUserInput } from '../errors.ts';

/** In words, for descriptions. */
export const PATTERN_DIALECT =
  `a regular expression of at most ${SHARED.patternCharacters} characters, found anywhere in the text: letters, \`.\` (any character), \`[a-z]\`, \`[^a-z]\`, ` +
  '`\\\\d \\\\w \\\\s` (ASCII) and their capitals, `^ $` (start and end of the text), `( )`, `|`, `* + ? {n,m}`; `(?i)` in front ignores case. ' +
  'At most two `*` or `+`, and none within a repeated group';

export type PatternNode =
  | { kind: 'character'; text: string }
  | { kind: 'any' | 'start' | 'end' }
  | { kind: 'class'; negated: boolean; ranges: readonly (readonly [from: string, to: string])[] }
  | { kind: 'sequence' | 'alternatives'; of: readonly PatternNode[] }
  | { kind: 'repeat'; of: PatternNode; least: number; most: number };

/** A checked pattern. */
export interface Pattern {
  readonly source: string;
  readonly ignoreCase: boolean;
  readonly node: PatternNode;
}

const D: [string, string][] = [['0', '9']];
const W: [string, string][] = [
  ['0', '9'],
  ['A', 'Z'],
  ['_', '_'],
  ['a', 'z'],
];
const S: [string, string][] = [
  ['\t', '\r'],
  [' ', ' '],
];
const CLASSES: Readonly<Record<string, readonly [string, string][]>> = { d: D, w: W, s: S };
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/**
 * Reads a pattern.
 * @param what how the caller knows it, for the message
 * @throws CodedError `BAD_USER_INPUT` that says what is not of the dialect
 */
export function parsePattern(what: string, source: string): Pattern {
  if (source.length > SHARED.patternCharacters)
    throw badUserInput(
      `${what}: a pattern has at most ${SHARED.patternCharacters} characters; this has ${source.length}.`,
    );
  const ignoreCase = source.startsWith('(?i)');
  const node = new PatternParser(what, ignoreCase ? source.slice(4) : source).parse();
  // A search that is not bound to the start begins anywhere.
  if (waysOf(node) * SHARED.patternText > SHARED.patternWays)
    throw badUserInput(`${what}: the pattern could make a store search for too long.`, {
      hint: 'Use at most two `*` or `+`, and fewer alternatives.',
    });
  return { source, ignoreCase, node };
}

class PatternParser {
  readonly #what: string;
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(what: string, source: string) {
    this.#what = what;
    this.#characters = [...source];
  }

  parse(): PatternNode {
    const node = this.#alternatives();
    if (this.#at < this.#characters.length) throw this.#fault('has a `)` that closes nothing', 'Write `\\)`.');
    return node;
  }

  #alternatives(): PatternNode {
    if (++this.#depth > SHARED.patternGroups) throw this.#fault(`has groups more than ${SHARED.patternGroups} deep`);
    const of = [this.#sequence()];
    while (this.#next('|')) of.push(this.#sequence());
    this.#depth -= 1;
    return of.length === 1 ? of[0]! : { kind: 'alternatives', of };
  }

  #sequence(): PatternNode {
    const of: PatternNode[] = [];
    for (let c = this.#peek(); c !== undefined && c !== '|' && c !== ')'; c = this.#peek()) of.push(this.#repeated());
    return of.length === 1 ? of[0]! : { kind: 'sequence', of };
  }

  #repeated(): PatternNode {
    const of = this.#one();
    const range = this.#range();
    if (range === undefined) return of;
    // Whether as few or as many as can be are tried first makes no difference to whether it matches.
    this.#next('?');
    if (/^[*+?]$/.test(this.#peek() ?? '') || this.#countAhead())
      throw this.#fault('repeats a repetition', 'Say how often once.');
    if (of.kind === 'start' || of.kind === 'end') throw this.#fault('repeats `^` or `$`');
    if (hasChoice(of) && range.most > 1)
      throw this.#fault(
        'repeats a group that holds a repetition or alternatives',
        'Stores would search for long. Use a class such as `[ab]`, or several conditions.',
      );
    return { kind: 'repeat', of, ...range };
  }

  #range(): { least: number; most: number } | undefined {
    if (this.#next('*')) return { least: 0, most: Infinity };
    if (this.#next('+')) return { least: 1, most: Infinity };
    if (this.#next('?')) return { least: 0, most: 1 };
    const count = this.#countAhead();
    if (count === undefined) return undefined;
    this.#at += count[0].length;
    const least = Number(count[1]);
    const most = count[2] === undefined ? least : count[3] === '' ? Infinity : Number(count[3]);
    if (least > SHARED.patternRepeated || (most !== Infinity && most > SHARED.patternRepeated) || most < least)
      throw this.#fault(`counts to more than ${SHARED.patternRepeated}, or backwards, in \`${count[0]}\``);
    return { least, most };
  }

  #countAhead(): RegExpExecArray | undefined {
    if (this.#peek() !== '{') return undefined;
    return /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#characters.slice(this.#at, this.#at + 12).join('')) ?? undefined;
  }

  #one(): PatternNode {
    const c = this.#characters[this.#at++]!;
    switch (c) {
      case '.':
        return { kind: 'any' };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '(': {
        if (this.#next('?') && !this.#next(':'))
          throw this.#fault(
            'has a group of a kind that is not known',
            'Groups are `( )`; `(?i)` stands in front of all.',
          );
        const inner = this.#alternatives();
        if (!this.#next(')')) throw this.#fault('has a `(` that nothing closes', 'Write `\\(`.');
        return inner;
      }
      case '[':
        return this.#class();
      case '*':
      case '+':
      case '?':
        throw this.#fault(`has a \`${c}\` with nothing before it to repeat`, `Write \`\\${c}\`.`);
      case '{':
      case '}':
      case ']':
        throw this.#fault(`has a \`${c}\` by itself`, `Write \`\\${c}\`.`);
      case '\\': {
        const escaped = this.#escape();
        return typeof escaped === 'string' ? { kind: 'character', text: escaped } : { kind: 'class', ...escaped };
      }
      default:
        return { kind: 'character', text: c };
    }
  }

  #escape(): string | { negated: boolean; ranges: readonly [string, string][] } {
    const c = this.#characters[this.#at++];
    if (c === undefined) throw this.#fault('ends with a `\\`');
    const ranges = CLASSES[c.toLowerCase()];
    if (ranges !== undefined) return { negated: c !== c.toLowerCase(), ranges };
    const control = CONTROLS[c];
    if (control !== undefined) return control;
    if (/[A-Za-z0-9]/.test(c))
      throw this.#fault(
        `has \`\\${c}\`, which is not known`,
        'References back, look around and `\\b` are not; `\\d \\w \\s` are.',
      );
    return c;
  }

  #class(): PatternNode {
    const negated = this.#next('^');
    const ranges: [string, string][] = [];
    for (;;) {
      if (this.#at >= this.#characters.length) throw this.#fault('has a `[` that nothing closes', 'Write `\\[`.');
      if (this.#next(']')) break;
      const from = this.#member();
      if (typeof from !== 'string') {
        ranges.push(...from);
        continue;
      }
      if (this.#peek() !== '-' || this.#characters[this.#at + 1] === ']') {
        ranges.push([from, from]);
        continue;
      }
      this.#at += 1;
      const to = this.#member();
      if (typeof to !== 'string' || to.codePointAt(0)! < from.codePointAt(0)!)
        throw this.#fault('has a range that goes backwards');
      ranges.push([from, to]);
    }
    if (ranges.length === 0) throw this.#fault('has an empty `[]`');
    return { kind: 'class', negated, ranges };
  }

  #member(): string | readonly [string, string][] {
    const c = this.#characters[this.#at++];
    if (c === undefined) throw this.#fault('has a `[` that nothing closes', 'Write `\\[`.');
    if (c === '[') throw this.#fault('has a `[` within `[ ]`', 'Write `\\[`.');
    if (c !== '\\') return c;
    const escaped = this.#escape();
    if (typeof escaped === 'string') return escaped;
    if (escaped.negated) throw this.#fault('has the opposite of a class within `[ ]`', 'Use `[^…]`.');
    return escaped.ranges;
  }

  #peek = (): string | undefined => this.#characters[this.#at];

  #next(character: string): boolean {
    if (this.#characters[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #fault(what: string, hint?: string) {
    return badUserInput(`${this.#what}: the pattern ${what} (at character ${this.#at}).`, hint ? { hint } : {});
  }
}

const hasChoice = (node: PatternNode): boolean =>
  node.kind === 'repeat' || node.kind === 'alternatives' || (node.kind === 'sequence' && node.of.some(hasChoice));

/** In how many ways it could be matched at one place, at the most. */
function waysOf(node: PatternNode): number {
  switch (node.kind) {
    case 'sequence':
      return node.of.reduce((ways, each) => ways * waysOf(each), 1);
    case 'alternatives':
      return node.of.reduce((ways, each) => ways + waysOf(each), 0);
    case 'repeat':
      return node.most === Infinity
        ? SHARED.patternText * waysOf(node.of)
        : (node.most - node.least + 1) * waysOf(node.of);
    default:
      return 1;
  }
}

/** What differs between the dialects of stores. */
interface Dialect {
  readonly any: string;
  readonly end: string;
  /** The characters that mean something by themselves. */
  readonly special: RegExp;
}

const POSTGRES: Dialect = { any: '.', end: '$', special: /[^\p{L}\p{N}\p{M}\s]/u };
const JAVA: Dialect = { any: '.', end: '\\z', special: /[!-/:-@[-`{-~]/ };
/** With the flag `u`, it takes no `\` before what means nothing. */
const JAVASCRIPT: Dialect = { any: '.', end: '$', special: /[$()*+./?[\\\]^{|}-]/ };

function write(node: PatternNode, dialect: Dialect): string {
  const escape = (text: string): string =>
    text.length === 1 && text.charCodeAt(0) < 128 && dialect.special.test(text) ? `\\${text}` : text;
  switch (node.kind) {
    case 'any':
      return dialect.any;
    case 'start':
      return '^';
    case 'end':
      return dialect.end;
    case 'character':
      return node.text === '-' ? '-' : escape(node.text);
    case 'class': {
      const ranges = node.ranges.map(([from, to]) => (from === to ? escape(from) : `${escape(from)}-${escape(to)}`));
      return `[${node.negated ? '^' : ''}${ranges.join('')}]`;
    }
    case 'sequence':
      return node.of
        .map((each) => (each.kind === 'alternatives' ? `(?:${write(each, dialect)})` : write(each, dialect)))
        .join('');
    case 'alternatives':
      return node.of.map((each) => write(each, dialect)).join('|');
    case 'repeat': {
      const { least, most } = node;
      const count = most === Infinity ? `{${least},}` : least === most ? `{${least}}` : `{${least},${most}}`;
      return `(?:${write(node.of, dialect)})${count}`;
    }
  }
}

/** For PostgreSQL's `~`, where `.` is any character and `^ $` are the ends of the text. */
export const toPostgres = ({ ignoreCase, node }: Pattern): string =>
  // `***:` says what follows is an advanced regular expression, whatever the server is set to.
  `***:${ignoreCase ? '(?i)' : ''}${write(node, POSTGRES)}`;

/** For PCRE, ICU and RE2, found anywhere, whatever the column's collation says of case. */
export const toPerl = ({ ignoreCase, node }: Pattern): string => `(?s${ignoreCase ? 'i' : '-i'})${write(node, JAVA)}`;

/** For JavaScript's own, found anywhere. */
export const toJavaScript = ({ ignoreCase, node }: Pattern): { source: string; flags: string } => ({
  source: write(node, JAVASCRIPT),
  flags: ignoreCase ? 'isu' : 'su',
});

/** For Cypher's `=~`, which matches texts as a whole. */
export const toJava = ({ ignoreCase, node }: Pattern): string =>
  `(?s${ignoreCase ? 'iu' : ''}).*?(?:${write(node, JAVA)}).*`;
