import type { Introspect } from '#gateway/respond/introspection.ts';
import type { Path, ResponseErrors } from '#gateway/respond/response-errors.ts';
import type { Deferral } from './deferral.ts';

/** What parts of an answer come from: the run of its plan, or that for a batch of a list's items. */
export interface PartSource {
  /** Of the whole run; grows. */
  readonly errors: ResponseErrors;
  readonly introspect: Introspect;
  readonly deferral: Deferral;
  /** A path of the run as a path of the answer. */
  moved(path: Path): Path;
}
