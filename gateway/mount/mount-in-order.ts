/** All subgraphs of a server, mounted one after the other: each may need what the ones before provide. */
import type { InternalTokens } from '#gateway/auth/internal-token.ts';
import type { RemoteSubgraphs } from '#gateway/config/remote-subgraphs.ts';
import type { Endings } from '#gateway/endings.ts';
import type { Logger } from '#gateway/telemetry/logger.ts';
import type { Ports } from '#subgraphs/shared/ports.ts';
import type { Subgraph, SubgraphName } from '#subgraphs/shared/subgraph.ts';
import { clientOf, type ClientOptions } from './clients.ts';
import { isOwnSubgraph, MOUNT_ORDER, mountSubgraph, type MountDeps } from './mount.ts';
import { remotePorts } from './remote-ports.ts';

/** A subgraph as the server keeps it; tests mount some under other names. */
export type MountedSubgraph = Omit<Subgraph, 'name'> & { readonly name: string };

/** Subgraphs to mount in the place of the project's own. */
export type OtherSubgraphs = Readonly<
  Record<string, (deps: MountDeps, ports: Partial<Ports>) => Promise<MountedSubgraph>>
>;

export interface MountOptions {
  /** What each is given; asked once, when the first is mounted. */
  readonly deps: () => Promise<MountDeps>;
  /** Where own subgraphs run apart: they are not mounted here, and their ports are asked there. */
  readonly apart: Readonly<Record<string, string>>;
  readonly remote: RemoteSubgraphs;
  readonly log: Logger;
  readonly tokens: InternalTokens;
  /** Which of the project's own are wanted, here or apart. @default all */
  readonly names?: readonly SubgraphName[] | undefined;
  /** @default the project's own that do not run apart */
  readonly others?: OtherSubgraphs | undefined;
  /** Those that are mounted already. */
  readonly ready?: readonly MountedSubgraph[];
  /** Ends whatever is mounted. */
  readonly endings: Endings;
}

export interface MountedSubgraphs {
  /** By name, also those still being mounted. */
  readonly byName: ReadonlyMap<string, Promise<MountedSubgraph>>;
  /** All of them, once they are mounted; rejects with what failed first. */
  readonly all: Promise<readonly MountedSubgraph[]>;
  /** What they provide to one another, here or apart; each is there once its provider is. */
  readonly ports: Readonly<Partial<Ports>>;
  /** How clients of them, and of those elsewhere, are made. */
  readonly clients: ClientOptions;
}

/** Begins to mount; migrations take one lock, and a later subgraph finds the ports of the earlier ones. */
export function mountInOrder(options: MountOptions): MountedSubgraphs {
  const { apart, tokens, remote, log, names: wanted = MOUNT_ORDER, others, ready = [], endings } = options;
  const byName = new Map(ready.map((subgraph) => [subgraph.name, Promise.resolve(subgraph)]));
  const clients: ClientOptions = { mounted: byName, apart, tokens, remote, log };
  const ports: Partial<Ports> = {};
  const own = others === undefined ? MOUNT_ORDER.filter((name) => wanted.includes(name)) : [];
  const embeds = wanted.includes('vector');
  let before: Promise<unknown> = Promise.resolve();
  for (const name of own) {
    const url = apart[name];
    if (url === undefined) continue;
    const client = clientOf({ name, routingUrl: url, schema: { url } }, clients);
    endings.add(() => client.close());
    before = before.then(async () => Object.assign(ports, await remotePorts(name, client, { embeds })));
  }
  let deps: Promise<MountDeps> | undefined;
  const mount = async (name: string): Promise<MountedSubgraph> => {
    const given = await (deps ??= options.deps());
    const mounted =
      others === undefined && isOwnSubgraph(name)
        ? await mountSubgraph(name, given, ports)
        : await others![name]!(given, ports);
    Object.assign(ports, mounted.provides);
    return mounted;
  };
  const names = others === undefined ? own.filter((name) => apart[name] === undefined) : Object.keys(others);
  for (const name of names) {
    const subgraph = before.then(() => mount(name));
    endings.add(async () => await (await subgraph.catch(() => undefined))?.close());
    byName.set(name, subgraph);
    before = subgraph;
  }
  const all = Promise.all(byName.values());
  all.catch(() => undefined); // Whoever awaits it is told; until then it must not count as unhandled.
  return { byName, all, ports, clients };
}
