/**
 * A gateway that is attacked, in a process of its own; told over IPC what to be, it tells its port. Its supergraph is the
 * conformance suite's with interface objects that require, on which the published planner makes a cycle of its fetches and
 * walks it until its memory is full.
 */
import type { AddressInfo } from 'node:net';
import { DEVELOPER } from '#gateway/auth/authenticator.ts';
import { createEngineOn } from '#gateway/execute/engine.ts';
import { inProcessClient } from '#gateway/execute/clients/in-process-client.ts';
import { startPlanner } from '#gateway/plan/planner.ts';
import attacked from '#tests/engine/conformance/interface-object-requires/case.ts';
import { composeTest, subgraphSchema } from '#tests/engine/federation.ts';
import { productHandler, serve } from './contestants.ts';

export interface AttackedRole {
  /** Plans without the mending of the planner's cycles: operations really hang. */
  hangs: boolean;
}

process.once('disconnect', () => process.exit());
process.once('message', (role: AttackedRole) => void start(role));

async function start({ hangs }: AttackedRole): Promise<void> {
  const supergraphSdl = composeTest(attacked.subgraphs);
  const clients = new Map(
    Object.entries(attacked.subgraphs).map(([name, subgraph]) => [
      name,
      inProcessClient(name, subgraphSchema(subgraph)),
    ]),
  );
  const planner = await startPlanner(
    supergraphSdl,
    hangs ? { program: new URL('./hanging-planner.mjs', import.meta.url) } : {},
  );
  const engine = createEngineOn(planner, { supergraphSdl, clients });
  // Who asks is a tenant by that name: attackers and others are not the same.
  const server = serve(
    await productHandler(engine, {
      authenticate: (authorization) => Promise.resolve({ ...DEVELOPER, tenantId: authorization ?? 'default' }),
    }),
  );
  server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }));
}
