/** Headers that list what a client prefers, with weights (RFC 9110, section 12.4.2). */

export interface Preference {
  /** In lower case. */
  readonly value: string;
  /** In lower case, without quotes; `q` left out. */
  readonly parameters: ReadonlyMap<string, string>;
  /** From 0, which refuses it, to 1. */
  readonly weight: number;
}

/** What a header names, what is preferred first; equal weights in their order. */
export function preferencesOf(header: string): Preference[] {
  return splitOutsideQuotes(header, ',')
    .map((range): Preference => {
      const [value = '', ...parts] = splitOutsideQuotes(range, ';').map((part) => part.trim().toLowerCase());
      const parameters = new Map(
        parts.map((part): [string, string] => {
          const [name = '', ...rest] = part.split('=');
          return [
            name.trim(),
            rest
              .join('=')
              .trim()
              .replace(/^"(.*)"$/, '$1'),
          ];
        }),
      );
      const weight = parameters.has('q') ? Number(parameters.get('q')) : 1;
      parameters.delete('q');
      return { value, parameters, weight: weight >= 0 && weight <= 1 ? weight : 0 };
    })
    .filter(({ value }) => value !== '')
    .sort((one, other) => other.weight - one.weight);
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  if (!text.includes('"')) return text.split(separator);
  const parts: string[] = [];
  let from = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      parts.push(text.slice(from, index));
      from = index + 1;
    }
  }
  return [...parts, text.slice(from)];
}
