/** What the schema's fields are resolved with. */
import type { AgentLookup } from '#subgraphs/shared/ports.ts';
import type { Announcer } from '../dispatch/announcer.ts';
import type { Dispatcher } from '../dispatch/dispatcher.ts';
import type { WebhookPolicy } from '../dispatch/webhook-addresses.ts';
import type { Workflows } from '../dispatch/workflows.ts';
import type { RunsDriver } from '../driver.ts';
import type { StreamHub } from '../streams/stream-hub.ts';

export interface RunsSchemaDeps {
  readonly driver: RunsDriver;
  readonly hub: StreamHub;
  /** Dispatch to webhooks; undefined where it is off. */
  readonly dispatch?: { readonly policy: WebhookPolicy; readonly dispatcher: Pick<Dispatcher, 'nudge'> };
  /** Dispatch to Temporal; undefined where it is off. */
  readonly workflows?: Pick<Workflows, 'nudge'>;
  /** The queue on which workers are told of runs; undefined where there is none. */
  readonly announcer?: Pick<Announcer, 'nudge'>;
  /** Called when a question waits to be answered; undefined where whoever answers is not told. */
  readonly asked?: (() => void) | undefined;
  /** Which agents there are; undefined where nobody can say. */
  readonly agents?: AgentLookup;
}
