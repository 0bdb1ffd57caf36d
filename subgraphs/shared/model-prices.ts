/** What models cost, as the operator says it. */

/** For a million tokens, in whatever currency budgets are said in. */
export interface ModelPrice {
  readonly input: number;
  readonly output: number;
}

/** Prices by the names of models; that of `*` is of all others. */
export type ModelPrices = ReadonlyMap<string, ModelPrice>;

const ANY = '*';

/**
 * Reads `gpt-x=0.15/0.60; embed-y=0.02; *=1/4`: for a million tokens sent and made; one number is for both.
 * @returns undefined for what cannot be read, or names a model twice
 */
export function readModelPrices(text: string): ModelPrices | undefined {
  const prices = new Map<string, ModelPrice>();
  for (const part of text.split(/[;\n]/).map((each) => each.trim())) {
    if (part === '') continue;
    const [, model, input, output = input] =
      /^(\S+?)\s*=\s*(\d{1,9}(?:\.\d{1,9})?)(?:\/(\d{1,9}(?:\.\d{1,9})?))?$/.exec(part) ?? [];
    if (model === undefined || prices.has(model)) return undefined;
    prices.set(model, { input: Number(input), output: Number(output) });
  }
  return prices;
}

/** Behind a name, a version of the same model: `-2024-07-18`, `-0613`, `:latest`, `@20250929`. */
const VERSION = /^(?:-\d{4}-\d{2}-\d{2}|-\d{3,8}|[:@].*)$/;

/**
 * The price of a model: of its name, of the longest listed name of which it is a version (providers answer with those), else of
 * `*`, else the highest that is listed, for nothing is free that nobody has priced.
 */
export function priceOf(prices: ModelPrices, model: string): ModelPrice {
  const exact = prices.get(model);
  if (exact !== undefined) return exact;
  const [versionOf] = [...prices.keys()]
    .filter((name) => model.startsWith(name) && VERSION.test(model.slice(name.length)))
    .sort((one, other) => other.length - one.length);
  const listed = prices.get(versionOf ?? ANY);
  if (listed !== undefined) return listed;
  const all = [...prices.values()];
  return {
    input: Math.max(0, ...all.map(({ input }) => input)),
    output: Math.max(0, ...all.map(({ output }) => output)),
  };
}

/** Whether a model has a price of its own, or that of `*`. */
export const hasPrice = (prices: ModelPrices, model: string): boolean => prices.has(model) || prices.has(ANY);

/** What tokens of a model cost, in the currency of the prices. */
export function costOf(
  prices: ModelPrices,
  model: string,
  { inputTokens, outputTokens }: { readonly inputTokens: number; readonly outputTokens: number },
): number {
  const { input, output } = priceOf(prices, model);
  return (inputTokens * input + outputTokens * output) / 1e6;
}
