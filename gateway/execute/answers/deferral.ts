/** What a plan defers while it runs: which parts are still under way, and what they wait for. */

/** Tells whoever puts an answer together that something of it has changed. */
export class Changes {
  #waiting: (() => void)[] = [];

  tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when something has changed from now on. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** The deferred parts of one run of a plan. */
export class Deferral {
  /** For whoever waits here; others are told besides. */
  readonly #own = new Changes();
  readonly #changes: Changes | undefined;
  readonly #fetched = new Set<string>();
  readonly #settled = new Set<string>();
  #underWay = 0;
  #failure: { error: unknown } | undefined;

  /** @param changes told of everything that changes */
  constructor(changes?: Changes) {
    this.#changes = changes;
  }

  /** Runs a part as soon as the fetches that it depends on have their answers. */
  begin(label: string, depends: readonly string[], work: () => Promise<void>): void {
    this.#underWay += 1;
    void this.#run(depends, work).then(() => {
      this.#settled.add(label);
      this.#underWay -= 1;
      this.#wake();
    });
  }

  /** Marks a fetch as answered. */
  fetched(id: string): void {
    this.#fetched.add(id);
    this.#wake();
  }

  /** Whether all of a part's data is there. A part that the plan does not know is there when all others are. */
  isSettled(label: string): boolean {
    return this.#settled.has(label) || this.#underWay === 0;
  }

  /** Waits for parts, from the outermost. @throws as {@link check} */
  async settled(labels: readonly string[]): Promise<void> {
    while (!labels.every((label) => this.#settled.has(label))) await this.#changed();
    this.check();
  }

  /** @throws what a part threw: a fault of the engine's own, since what a subgraph does is in the run's errors */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #run(depends: readonly string[], work: () => Promise<void>): Promise<void> {
    try {
      while (!depends.every((id) => this.#fetched.has(id))) await this.#changed();
      await work();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  async #changed(): Promise<void> {
    this.check();
    await this.#own.next();
  }

  #wake(): void {
    this.#own.tell();
    this.#changes?.tell();
  }
}
