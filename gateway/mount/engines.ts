/** The engine of each supergraph, with clients of its own, put in the place of the one before. */
import { createEngine, type Engine, type EngineOptions } from '#gateway/execute/engine.ts';
import type { CallReport, SubgraphClient } from '#gateway/execute/clients/subgraph-client.ts';
import type { CONDITIONS } from '#gateway/bounds/conditions.ts';
import { withConditions } from '#gateway/conditions/conditions-engine.ts';
import { widenedFilters } from '#gateway/conditions/widen.ts';
import type { EngineHost } from '#gateway/supergraph/engine-host.ts';
import type { Supergraph } from '#gateway/supergraph/manager.ts';
import type { BoundValues } from '#subgraphs/shared/bound.ts';
import { observedClient } from '#gateway/execute/clients/observed-client.ts';
import type { Telemetry } from '#gateway/telemetry/telemetry.ts';
import { clientOf, isElsewhere, type ClientOptions } from './clients.ts';

export interface EnginesOptions extends Omit<EngineOptions, 'supergraphSdl' | 'clients' | 'widen'> {
  readonly engines: EngineHost<Engine>;
  readonly clients: ClientOptions;
  /** Told of every call to a subgraph. @default nobody is */
  readonly telemetry?: Telemetry | undefined;
  /** Bounds of conditions on other stores. */
  readonly conditions: BoundValues<typeof CONDITIONS>;
}

/** Makes engines for supergraphs. */
export class Engines {
  readonly #options: EnginesOptions;
  readonly #clients = new Map<string, SubgraphClient>();

  constructor(options: EnginesOptions) {
    this.#options = options;
  }

  /** The clients of the supergraph that serves, by the subgraph's name; kept up to date. */
  get clients(): ReadonlyMap<string, SubgraphClient> {
    return this.#clients;
  }

  /** How the circuit breakers of subgraphs elsewhere stand, by name. */
  breakers(): Record<string, CallReport['breaker']> {
    return Object.fromEntries(
      [...this.#clients].flatMap(([name, { breaker }]) => (breaker === undefined ? [] : [[name, breaker()] as const])),
    );
  }

  /** Has `supergraph` served. @throws when it cannot be; the one before serves on */
  async serve({ sdl, subgraphs }: Supergraph): Promise<void> {
    const { engines, clients: clientOptions, conditions, telemetry, ...engineOptions } = this.#options;
    const clients = new Map(
      subgraphs.map((entry) => {
        const client = clientOf(entry, clientOptions);
        const observed = telemetry === undefined ? client : observedClient(client, telemetry, isElsewhere(entry));
        return [entry.name, observed] as const;
      }),
    );
    const endClients = async (): Promise<void> =>
      void (await Promise.all([...clients.values()].map((client) => client.close())));
    try {
      const engine = await createEngine({
        ...engineOptions,
        supergraphSdl: sdl,
        clients,
        widen: widenedFilters,
        planned: telemetry && ((ms, failed) => telemetry.planned(ms, failed)),
      });
      await engines.replace(withConditions(engine, conditions), endClients);
    } catch (error) {
      await endClients();
      throw error;
    }
    this.#clients.clear();
    for (const [name, client] of clients) this.#clients.set(name, client);
  }
}
