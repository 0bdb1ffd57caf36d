/** The words of questions about an API and of its names and descriptions: which stand for one another, and which say what is wanted. */
import { stemmer } from 'stemmer';
import { AGENTS } from '#gateway/bounds/agents.ts';

/** Words that stand for one another where somebody asks what an API can do. */
const SAME = [
  'create make new add register issue begin start open',
  'upsert add write save insert import store change put load merge',
  'update change edit modify set close rename',
  'delete remove erase drop throw discard clear purge destroy rid',
  'put upload store save write',
  'upload attach send',
  'remember store save memorize memory know learn',
  'forget remove delete memory drop',
  'revoke stop end withdraw disable invalidate deactivate',
  'rotate replace renew refresh exchange',
  'cancel stop abort kill end halt interrupt terminate',
  'start launch run execute begin trigger work schedule enqueue invoke',
  'finish complete end done fail close',
  'claim take next dequeue lock lease worker hold poll acquire',
  'heartbeat keepalive ping extend renew lease',
  'append add log report',
  'record report track log',
  'aggregate count number total sum average many group statistics most per',
  'facets kinds available types exist values common frequent top',
  'usage spent cost spend consumption tokens money price billing budget',
  'generate ask chat completion answer prompt llm write talk',
  'search find passages semantic text look query hits result',
  'similarity meaning semantic',
  'similar like alike near resembling related same',
  'agent assistant bot',
  'entity package node thing library vertex person organization location product',
  'node any global id',
  'relation edge connect dependency connection depend link relationship triple',
  'neighbors connected linked walk related deep hop transitive indirect traverse',
  'object file blob bytes image attachment bucket',
  'download fetch link',
  'model llm',
  'subscribe follow watch live stream now',
  'delta piece token stream written',
  'tenant me account project workspace organisation organization',
  'audit history changed log refused security trail compliance',
  'actor who user by subject',
  'document note page file article text',
  'collection folder prefix directory',
  'session conversation chat thread dialog discussion',
  'message said say talk utterance turn reply',
  'fact memory belief knowledge',
  'memory knows remember fact prefer preference like',
  'summary summarize shorten short digest abstract brief',
  'artifact output result produced image',
  'chunk passage paragraph section',
  'surrounding context around',
  'highlights snippet excerpt matching',
  'score relevance rank ranking quality',
  'reranking order sort',
  'explain why reason cause',
  'embed vector embedding numbers',
  'run job task work execution workflow process',
  'events trace step',
  'input asked question prompt',
  'instructions prompt system config',
  'state status progress',
  'queue waiting pending scheduled',
  'attempts retry tries tried',
  'error fail failure wrong problem',
  'webhook callback notify tell notification',
  'supersedes earlier previous before old replaced',
  'versions earlier previous old history rollback revision',
  'key credential token secret',
  'share access permission grant',
  'scopes permission rights role allowed',
  'expires until validity end expiry',
  'kind type sort category',
  'metadata property attribute custom tag label keyword',
  'name called title',
  'text content body',
  'hash checksum digest fingerprint identical same',
  'size large big bytes length',
  'created added new newest recent',
  'updated changed modified edited',
  'subject user who',
].map((line) => line.split(' ').map(stemmer));

/** What is said in several words, of which none says it alone, as one that does. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\bget(s|ting)? rid of\b/gi, 'delete'],
  [/\b(throw|take|clear)(s|ing)? (away|out)\b/gi, 'delete'],
  [/\bwho am i\b/gi, 'me account'],
  [/\b(run|runs|running) out\b/gi, 'expires'],
  [/\b(roll|go) back\b/gi, 'rollback'],
  [/\bset(s|ting)? up\b/gi, 'create'],
  [/\bshut(s|ting)? down\b/gi, 'close'],
  [/\b(switch|turn)(s|ed|ing)? off\b/gi, 'disable'],
  [/\b(carry|carries|go|goes) on\b/gi, 'resume'],
  [/\b(talk|speak|say|write|read)(s|ing)? (about|of)\b/gi, 'mention'],
  [/\bkick(s|ed|ing)? off\b/gi, 'start'],
  [/\bwork(s|ing)? on\b/gi, 'run'],
  // What is asked of a person is in the records of who did what.
  [/^\s*who (?=\w+ed\b)/gi, 'actor audit '],
];

const inOneWord = (question: string): string =>
  PHRASES.reduce((text, [phrase, word]) => text.replace(phrase, word), question);

/** What people say who want something changed. */
const CHANGES = stems(
  'create make new add register write save insert import store change update edit modify set delete remove erase upload remember forget revoke stop cancel abort kill start launch finish mark append record report share rotate connect begin close open drop put issue invalidate throw attach replace claim take keep load merge summarize shorten grant submit schedule enqueue rename extend renew purge terminate interrupt halt acquire refresh send publish invite allow',
);
/** Who want to know how many, or how much. */
const NUMBERS = stems('number count total average sum most per biggest largest often statistics');
/** Who want to be told as it happens. */
const LIVE = stems('live watch follow stream happen now');

/** How questions begin that ask what is, or who did something: they name changes and want none. */
const ASKS = /^\s*(who|whose|when|which|what|where|why|did|was|were|is|are|has|have|how (many|much|often|long))\b/i;

/** Words that say nothing of what is asked for. */
const STOP = new Set(
  (
    'a about all an and any anybody anything are as at be been but by can could did do does everything find for from get give had has have he her him his how i in into is it its let list look may me might must my need no not of on one or our out please shall she should show so some somebody something tell than that the their them then there these they thing this those to up us want was we were what when where which who whom why will with would you your ' +
    'ago last lately recently today tomorrow yesterday'
  ).split(' '),
);

/** What a question wants besides being about something. */
export interface Wanted {
  readonly change: boolean;
  readonly number: boolean;
  readonly live: boolean;
}

/** `createdAt` as `created At`. */
const inWords = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1 $2');

/** Those words of prose, and of camelCase and SNAKE_CASE names, that say something. */
export const tellingWords = (text: string): string[] => wordsIn(text).filter((word) => !STOP.has(word));

/** Their stems. */
export const stemsOf = (text: string): string[] => tellingWords(text).map(stemmer);

/** The words of a question, each with those that stand for it; all of its words where none says anything. */
export function askedFor(question: string): readonly (readonly string[])[] {
  const text = inOneWord(question);
  const telling = stemsOf(text);
  const words = telling.length > 0 ? telling : wordsIn(text).map(stemmer);
  return [...new Set(words)].map((word) => [word, ...new Set(SAME.filter((same) => same.includes(word)).flat())]);
}

/** What a question wants, by its words. */
export function wantedBy(question: string): Wanted {
  const words = wordsIn(inOneWord(question)).map(stemmer);
  const [change, number, live] = [CHANGES, NUMBERS, LIVE].map((set) => words.some((word) => set.has(word)));
  return {
    change: change! && !ASKS.test(question),
    number: number! || /\bhow (many|much|often)\b/i.test(question),
    live: live!,
  };
}

const wordsIn = (text: string): string[] =>
  inWords(text.slice(0, AGENTS.wordCharacters))
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');

function stems(words: string): ReadonlySet<string> {
  return new Set(words.split(' ').map(stemmer));
}
