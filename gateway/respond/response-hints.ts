/** The hints of one answer (`extensions.hints`) while it is being made. */
import type { Budget } from '#subgraphs/shared/budget.ts';
import { SHARED } from '#subgraphs/shared/bounds.ts';
import type { Hint } from '#subgraphs/shared/hints.ts';
import { withoutSecrets } from '#subgraphs/shared/kept-secrets.ts';
import { RESPOND } from '#gateway/bounds/respond.ts';

/** Collects them up to a bound; what was said once is not said of other places. */
export class ResponseHints {
  /** Undefined while there are none: beside most answers. */
  list: Hint[] | undefined = undefined;
  readonly #budget: Budget | undefined;

  constructor(budget: Budget | undefined) {
    this.#budget = budget;
  }

  /** @throws CodedError `QUERY_TOO_COSTLY` when the answer has become too large by it */
  add({ path, message, suggestions }: Hint): void {
    const said = withoutSecrets(message);
    const list = (this.list ??= []);
    if (list.length >= SHARED.hints || list.some((hint) => hint.message === said)) return;
    this.#budget?.write(1, said.length + suggestions.join('').length + RESPOND.errorBytes);
    list.push({ path, message: said, suggestions: suggestions.map(withoutSecrets) });
  }
}
