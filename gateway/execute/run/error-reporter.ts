/** Tells what a fetch did not give: what a subgraph said of it, at the client's paths; or that there was no answer. */
import type { GraphQLError } from 'graphql';
import type { Failure, Path } from '#gateway/respond/response-errors.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { readHints, type Hint } from '#subgraphs/shared/hints.ts';
import type { JsonObject } from '../json-object.ts';
import type { ExecutableFetch } from './executable-plan.ts';
import { errorOfFailure, errorOfSubgraph } from './fetch-errors.ts';
import { renamedPath } from './merge.ts';
import type { PlanRun } from './plan-run.ts';
import { pathsAt } from './positions.ts';

/**
 * The errors of one answer to a fetch, or of its want. Where a failure costs several fields or objects it is told once,
 * with their number: an outage of a subgraph is no reason to write thousands of equal errors.
 */
export class ErrorReporter {
  readonly #fetch: ExecutableFetch;
  readonly #run: PlanRun;
  /** What has been said of all objects: a subgraph may repeat itself as often as it likes. */
  readonly #said = new Set<string>();
  #paths: Map<JsonObject, (string | number)[][]> | undefined;

  constructor(fetch: ExecutableFetch, run: PlanRun) {
    this.#fetch = fetch;
    this.#run = run;
  }

  /** There was no answer. @throws CodedError when there is none because the budget is spent */
  reportFailure(failure: unknown, objects: readonly JsonObject[]): void {
    const spent = this.#run.context.budget?.failure;
    if (spent !== undefined) throw spent;
    this.#costs(errorOfFailure(failure, this.#fetch.service), objects);
  }

  /** Objects lack what is required, and so were not asked for: what cost them that costs them this too. */
  reportLacking(objects: readonly JsonObject[]): void {
    const { errors, losses } = this.#run;
    const whole = new Map<object, Map<string, { failure: Failure; objects: JsonObject[] }>>();
    for (const object of objects) {
      if (errors.isFull) return;
      const found = new Map([...losses.of(object, this.#fetch.requires ?? [])].map((loss) => [loss.failure, loss]));
      for (const { of, failure, isWhole } of found.values()) {
        losses.add(object, { fetch: this.#fetch, of, failure, isWhole });
        if (!isWhole) {
          this.#costsEach(failure, [object]);
          continue;
        }
        let byText = whole.get(of);
        if (byText === undefined)
          whole.set(of, (byText = new Map<string, { failure: Failure; objects: JsonObject[] }>()));
        const known = byText.get(textOf(failure));
        if (known === undefined) byText.set(textOf(failure), { failure, objects: [object] });
        else known.objects.push(object);
      }
    }
    for (const [of, byText] of whole)
      for (const { failure, objects: lost } of byText.values())
        errors.addFailure(of, failure, this.#placesOf(lost), true);
  }

  /** Fields that were asked for are not in the answer. */
  reportLeftOut(objects: readonly JsonObject[]): void {
    const { service } = this.#fetch;
    const leftOut = new CodedError('SUBGRAPH_UNAVAILABLE', `The subgraph ${service} left out what it was asked for.`);
    this.#costs(errorOfFailure(leftOut, service), objects, (object, key) => object[key] === undefined);
  }

  /** Errors in the answer to a fetch of root fields. */
  reportRoot(errors: readonly GraphQLError[], objects: readonly JsonObject[]): void {
    for (const error of this.#run.clientValues.named(errors)) {
      if (this.#run.errors.isFull) return;
      const failure = errorOfSubgraph(error, this.#fetch.service);
      const { path = [] } = error;
      if (path.length === 0) this.#costs(failure, objects);
      else this.#costsField(failure, objects, path);
    }
  }

  /**
   * Errors in the answer to a fetch of entities.
   * @param objects those that were asked for
   * @param indices for each of them the index of its entity in the answer
   */
  reportEntities(errors: readonly GraphQLError[], objects: readonly JsonObject[], indices: readonly number[]): void {
    const targets = new Map<number, JsonObject[]>();
    for (let place = 0; place < objects.length; place++) {
      const known = targets.get(indices[place]!);
      if (known === undefined) targets.set(indices[place]!, [objects[place]!]);
      else known.push(objects[place]!);
    }
    for (const error of this.#run.clientValues.named(errors)) {
      if (this.#run.errors.isFull) return;
      const failure = errorOfSubgraph(error, this.#fetch.service);
      const [entities, index, ...below] = error.path ?? [];
      const those = entities === '_entities' && typeof index === 'number' ? targets.get(index) : undefined;
      // An error of an entity that was not asked for may be of any.
      if (those === undefined) this.#costs(failure, objects);
      // An entity that could not be found at all costs each of its fields.
      else if (below.length === 0) this.#costsEach(failure, those);
      else this.#costsField(failure, those, below);
      if (those !== undefined) this.#loses(failure, those, false);
    }
  }

  /** Hints beside the answer to a fetch of root fields, as they came. */
  hintRoot(hints: unknown, objects: readonly JsonObject[]): void {
    for (const hint of readHints(hints)) this.#hint(hint, objects[0], hint.path);
  }

  /** The same for a fetch of entities; see {@link reportEntities}. Told of the first object that has the entity. */
  hintEntities(hints: unknown, objects: readonly JsonObject[], indices: readonly number[]): void {
    for (const hint of readHints(hints)) {
      const [entities, index, ...below] = hint.path;
      if (entities === '_entities') this.#hint(hint, objects[indices.indexOf(Number(index))], below);
    }
  }

  #hint({ message, suggestions }: Hint, object: JsonObject | undefined, path: Path): void {
    const at = object && this.#pathsOf(object)[0];
    if (at === undefined) return;
    const client = this.#run.clientPaths.of([...at, ...renamedPath(path, this.#fetch.shape)], this.#run.data);
    if (client !== undefined) this.#run.hints.add({ path: client, message, suggestions });
  }

  /** Tells what costs the objects all that the fetch was for, at each field: the subgraph spoke of these alone. */
  #costsEach(failure: Failure, objects: readonly JsonObject[]): void {
    for (const place of this.#placesOf(objects)) this.#run.errors.addOnce(failure, place);
  }

  /** Tells what costs the objects a field, wherever they are. */
  #costsField(failure: Failure, objects: readonly JsonObject[], path: Path): void {
    const below = renamedPath(path, this.#fetch.shape);
    for (const object of objects) {
      for (const at of this.#pathsOf(object)) {
        const client = this.#run.clientPaths.of([...at, ...below], this.#run.data);
        if (client !== undefined) this.#run.errors.addOnce(failure, client);
      }
    }
  }

  /**
   * Tells what costs the objects all that the fetch was for, once for all of them.
   * @param isLost whether it cost this field of this object
   */
  #costs(
    failure: Failure,
    objects: readonly JsonObject[],
    isLost?: (object: JsonObject, key: string) => boolean,
  ): void {
    const text = textOf(failure);
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#loses(failure, objects, true);
    this.#run.errors.addFailure(this.#fetch, failure, this.#placesOf(objects, isLost));
  }

  #loses(failure: Failure, objects: readonly JsonObject[], isWhole: boolean): void {
    for (const object of objects)
      this.#run.losses.add(object, { fetch: this.#fetch, of: this.#fetch, failure, isWhole });
  }

  /** The client's paths to all that the fetch was for. */
  #placesOf(objects: readonly JsonObject[], isLost: (object: JsonObject, key: string) => boolean = () => true): Path[] {
    const { clientPaths, data, types } = this.#run;
    const places: Path[] = [];
    for (const object of objects) {
      const name = object.__typename;
      const lost = this.#fetch.keys.filter(
        (each) =>
          each.types.every((type) => typeof name !== 'string' || types.matches(name, type)) && isLost(object, each.key),
      );
      for (const at of this.#pathsOf(object)) {
        for (const { key } of lost) {
          const client = clientPaths.of([...at, key], data);
          if (client !== undefined) places.push(client);
        }
      }
    }
    return places;
  }

  #pathsOf(object: JsonObject): Path[] {
    const { data, types, context } = this.#run;
    this.#paths ??= pathsAt(data, this.#fetch.path, types, context.budget);
    return this.#paths.get(object) ?? [];
  }
}

/** Equal for failures that are told as one. */
const textOf = ({ message, extensions }: Failure): string => JSON.stringify([message, extensions?.code]);
