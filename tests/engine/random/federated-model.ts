/** A random model, federated and uncut. */
import { createEngineOn, type Engine } from '#gateway/execute/engine.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import type { SubgraphClient, SubgraphRequest } from '#gateway/execute/clients/subgraph-client.ts';
import { CodedError } from '#subgraphs/shared/errors.ts';
import { composeTest, subgraphSchema, type TestSubgraph } from '../federation.ts';
import { cutModel, uncutSchema } from './cut.ts';
import type { Model } from './model.ts';
import { plannerInThread } from './planner.ts';
import { randomModel } from './random-model.ts';
import { hash } from './random.ts';

/** Which subgraph answers nothing, and what it was asked. */
export interface Outage {
  down: string | undefined;
  readonly failed: SubgraphRequest[];
}

export interface FederatedModel {
  readonly model: Model;
  readonly subgraphs: Readonly<Record<string, TestSubgraph>>;
  readonly engine: Engine;
  readonly uncut: ReturnType<typeof uncutSchema>;
  readonly outage: Outage;
  /** Whether a fetch of entities may be divided into several requests. */
  readonly dividesFetches: boolean;
}

/** @param generation as that of {@link randomModel} */
export function federateModel(seed: number, generation?: number): FederatedModel {
  const model = randomModel(seed, generation);
  const subgraphs = cutModel(model);
  const supergraphSdl = composeTest(subgraphs);
  const outage: Outage = { down: undefined, failed: [] };
  const clients = new Map(
    Object.entries(subgraphs).map(([name, subgraph]) => [
      name,
      failing(inProcessClient(name, subgraphSchema(subgraph)), outage),
    ]),
  );
  const dividesFetches = model.extended !== true || hash(seed) % 2 === 0;
  const options = { supergraphSdl, clients, ...(dividesFetches && { entityBatchSize: 1 + (seed % 5) }) };
  return {
    model,
    subgraphs,
    engine: createEngineOn(plannerInThread(supergraphSdl), options),
    uncut: uncutSchema(model),
    outage,
    dividesFetches,
  };
}

function failing(client: SubgraphClient, outage: Outage): SubgraphClient {
  return {
    ...client,
    async execute(request) {
      if (client.name !== outage.down) return client.execute(request);
      await Promise.resolve();
      outage.failed.push(request);
      throw new CodedError('SUBGRAPH_UNAVAILABLE', `${client.name} is down`);
    },
  };
}
