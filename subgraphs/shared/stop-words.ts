/** Words that say little about what a text is about: English function words, and a few that every README has. */

const STOP_WORDS = new Set(
  (
    'a about after all also an and any are as at be because been before being between both but by can could did do does doing down each ' +
    'few for from further had has have having he her here hers him his how i if in into is it its itself just me more most my no nor not ' +
    'now of off on once one only or other our out over own same see she should so some such than that the their them then there these ' +
    'they this those through to too under until up use used uses using very was we were what when where which while who whom why will ' +
    'with would you your'
  ).split(' '),
);

/** The longest stop word, so that longer words are not looked up. */
const LONGEST = Math.max(...[...STOP_WORDS].map((word) => word.length));

/** True for a stop word in lower case. */
export const isStopWordText = (word: string): boolean => STOP_WORDS.has(word);

/** True where the code units from `start` to `end` (exclusive) are a stop word in lower case. */
export function isStopWord(units: Uint16Array, start: number, end: number): boolean {
  if (end - start > LONGEST) return false;
  let word = '';
  for (let at = start; at < end; at++) word += String.fromCharCode(units[at]!);
  return STOP_WORDS.has(word);
}
