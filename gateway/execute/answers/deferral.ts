/** What a plan defers while it runs: which parts are still under way, and what they wait for. */

/** The deferred parts of one run of a plan. */
export class Deferral {
  readonly #fetched = new Set<string>();
  readonly #settled = new Set<string>();
  #waiting: (() => void)[] = [];
  #underWay = 0;
  #failure: { error: unknown } | undefined;

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

  /**
   * Resolves when something has changed.
   * @throws what a part threw: a fault of the engine's own, since what a subgraph does is in the run's errors
   */
  async changed(): Promise<void> {
    if (this.#failure === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #run(depends: readonly string[], work: () => Promise<void>): Promise<void> {
    try {
      while (!depends.every((id) => this.#fetched.has(id))) await this.changed();
      await work();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
