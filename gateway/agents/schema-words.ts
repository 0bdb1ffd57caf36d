/** The words of questions about an API and of its names and descriptions: which stand for one another, and which say what is wanted. */
import { stemmer } from 'stemmer';
import { AGENTS } from '#gateway/bounds/agents.ts';

/** Words that stand for one another where somebody asks what an API can do. */
const SAME = [
  'create make new add register issue begin start open',
  'upsert add write save insert import store change put load merge',
  'update change edit modify set close rename',
  'delete remove erase drop throw discard',
  'put upload store save write',
  'upload attach send',
  'remember store save memorize memory know learn',
  'forget remove delete memory drop',
  'revoke stop end withdraw disable invalidate',
  'cancel stop abort kill end',
  'start launch run execute begin trigger work schedule',
  'finish complete end done fail close',
  'claim take next dequeue lock lease worker hold',
  'append add log report',
  'record report track log',
  'aggregate count number total sum average many group statistics most per',
  'facets kinds available types exist values common frequent top',
  'usage spent cost spend consumption tokens money price',
  'generate ask chat completion answer prompt llm write talk',
  'search find passages semantic text look query hits result',
  'similarity meaning semantic',
  'similar like alike near resembling related same',
  'entity package node thing library',
  'node any global id',
  'relation edge connect dependency connection depend link',
  'neighbors connected linked walk related deep hop transitive indirect traverse',
  'object file blob bytes image attachment',
  'download fetch link',
  'model llm',
  'subscribe follow watch live stream now',
  'delta piece token stream written',
  'tenant me account project workspace organisation',
  'audit history changed log refused security',
  'document note page file article text',
  'collection folder prefix directory',
  'session conversation chat thread dialog',
  'message said say talk utterance turn',
  'fact memory belief knowledge',
  'memory knows remember fact prefer preference like',
  'summary summarize shorten short',
  'artifact output result produced image',
  'chunk passage paragraph section',
  'surrounding context around',
  'highlights snippet excerpt matching',
  'score relevance rank ranking quality',
  'reranking order sort',
  'explain why reason cause',
  'embed vector embedding numbers',
  'run job task work execution',
  'input asked question prompt',
  'instructions prompt system config',
  'state status progress',
  'queue waiting pending scheduled',
  'attempts retry tries tried',
  'error fail failure wrong problem',
  'webhook callback notify tell notification',
  'supersedes earlier previous before old replaced',
  'versions earlier previous old history rollback',
  'key credential token secret',
  'share access permission',
  'scopes permission rights role allowed',
  'expires until validity end',
  'kind type sort category',
  'metadata property attribute custom tag label keyword',
  'name called title',
  'text content body',
  'hash checksum digest fingerprint identical same',
  'size large big bytes length',
  'created added new newest recent',
  'updated changed modified edited',
  'subject user who',
  'actor who user by',
].map((line) => line.split(' ').map(stemmer));

/** What people say who want something changed. */
const CHANGES = stems(
  'create make new add register write save insert import store change update edit modify set delete remove erase upload remember forget revoke stop cancel abort kill start launch finish mark append record report share rotate connect begin close open drop put issue invalidate throw attach replace claim take keep load merge summarize shorten',
);
/** Who want to know how many, or how much. */
const NUMBERS = stems('many number count total average sum most per biggest largest often statistics');
/** Who want to be told as it happens. */
const LIVE = stems('live watch follow stream happen now');

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
  const telling = stemsOf(question);
  const words = telling.length > 0 ? telling : wordsIn(question).map(stemmer);
  return [...new Set(words)].map((word) => [word, ...new Set(SAME.filter((same) => same.includes(word)).flat())]);
}

/** What a question wants, by its words. */
export function wantedBy(question: string): Wanted {
  const words = wordsIn(question).map(stemmer);
  const [change, number, live] = [CHANGES, NUMBERS, LIVE].map((set) => words.some((word) => set.has(word)));
  return { change: change!, number: number!, live: live! };
}

const wordsIn = (text: string): string[] =>
  inWords(text.slice(0, AGENTS.wordCharacters))
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');

function stems(words: string): ReadonlySet<string> {
  return new Set(words.split(' ').map(stemmer));
}
