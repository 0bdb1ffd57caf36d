/**
 * What an operation asks for, whatever it calls the answers: planning takes as long for operations that differ in nothing
 * else, so that one who tries the same under a thousand names is known by the first.
 */

/** An alias, where `print` writes one: at the beginning of a line, before the name of a field. */
const ALIAS = /^( *)([_A-Za-z]\w*): (?=[_A-Za-z])/gm;

/**
 * The text with its aliases numbered as they come: equal ones stay equal, since their fields are one.
 * @param operation as `print` writes it
 */
export function shapeOf(operation: string): string {
  const numbers = new Map<string, number>();
  return operation.replace(ALIAS, (_, indentation: string, alias: string) => {
    const number = numbers.get(alias) ?? numbers.size + 1;
    numbers.set(alias, number);
    return `${indentation}${number}: `;
  });
}
