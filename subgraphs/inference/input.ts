/** Checks what one call asks of a model. */
import { badUserInput, inputTooLong } from '#subgraphs/shared/errors.ts';

/**
 * Returns `text` where it may be sent to a model.
 * @param what the argument, for the message
 * @throws CodedError `BAD_USER_INPUT`
 */
export function checkText(what: string, text: string, maxCharacters: number): string {
  if (text.trim() === '') throw badUserInput(`${what} is empty.`);
  if (text.length > maxCharacters)
    throw inputTooLong(`${what} has ${text.length} characters; at most ${maxCharacters} are accepted.`, {
      limit: maxCharacters,
      unit: 'CHARACTERS',
    });
  if (text.includes('\0')) throw badUserInput(`${what} contains the NUL character (U+0000).`);
  return text;
}

/**
 * @param what the argument that holds `texts`, for the message
 * @throws CodedError `BAD_USER_INPUT` where one of them may not be sent to a model; where some are too long, it names all
 *   of these
 */
export function checkTexts(what: string, texts: readonly string[], maxCharacters: number): void {
  const inputs = texts.flatMap((text, at) => (text.length > maxCharacters ? [at] : []));
  if (inputs.length > 0) {
    const first = inputs[0]!;
    throw inputTooLong(
      `\`${what}[${first}]\` has ${texts[first]!.length} characters; at most ${maxCharacters} are accepted.`,
      { limit: maxCharacters, unit: 'CHARACTERS', inputs },
    );
  }
  texts.forEach((text, at) => checkText(`\`${what}[${at}]\``, text, maxCharacters));
}

/** @throws CodedError `BAD_USER_INPUT` where there is no item, or more than `max` */
export function checkCount(what: string, count: number, max: number): void {
  if (count === 0) throw badUserInput(`${what} is empty.`);
  if (count > max) throw badUserInput(`${what} has ${count} items; at most ${max} are accepted.`);
}
