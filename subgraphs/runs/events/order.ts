/**
 * The order of a run's events as AG-UI's clients demand it (`@ag-ui/client` 1.0: its verifier, and its transformer of
 * CHUNK events): what is begun once is ended once, what continues has been begun, and nothing is open when the run
 * finishes. A client that meets anything else gives the whole stream up, so it must not get into a log.
 */
import type { JsonValue } from '#subgraphs/shared/json.ts';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import { RUNS } from '../bounds.ts';
import type { RunEventType } from './event-types.ts';
import {
  AGREED,
  BEGINS,
  BESIDE_CHUNKS,
  CHUNKS,
  CLOSERS,
  CONTINUES,
  ENDS,
  ENDS_ALL_CHUNKS,
  NAMES,
  OPENERS,
  type Kind,
  type Place,
} from './parts.ts';

export interface OrderedEvent {
  readonly type: RunEventType;
  readonly payload: { [key: string]: JsonValue };
}

/** Something that a log has begun and not ended. */
interface Part {
  readonly kind: Kind;
  readonly id: string;
  /** The subagent that it belongs to; null for the agent itself. */
  readonly owner: string | null;
  /** What a CHUNK that began it says of the whole; each later one must agree. Absent for what a START event began. */
  readonly chunk?: Readonly<Record<string, string>>;
}

/** What a run's row keeps of its log, so that an append need not read the log. */
export interface OpenParts {
  /** In the order in which they were begun. */
  readonly open: readonly Part[];
  /** Subagents that have ended: an invocation's id is used once. */
  readonly ended: readonly string[];
  /**
   * Whose each message, tool call, activity and reasoning of the run is, by {@link nameOf}: null for the agent itself.
   * Kept from the first event on that names a subagent; absent before.
   */
  readonly owners?: Readonly<Record<string, string | null>>;
}
export const NOTHING_OPEN: OpenParts = { open: [], ended: [] };

/** Follows a log. */
export class EventOrder {
  #open: Part[];
  readonly #ended: Set<string>;
  #owners: Map<string, string | null> | undefined;

  /** @param tracked whether owners are kept from the start, for a log that names subagents later */
  constructor({ open, ended, owners }: OpenParts = NOTHING_OPEN, tracked = false) {
    this.#open = [...open];
    this.#ended = new Set(ended);
    if (owners || tracked) this.#owners = new Map(Object.entries(owners ?? {}));
  }

  /** What a log has open, whatever else is in it: what was taken before the order was looked at stays as it is. */
  static of(log: readonly OrderedEvent[], tracked: boolean): OpenParts {
    const order = new EventOrder(NOTHING_OPEN, tracked);
    for (const event of log) {
      try {
        order.take(event);
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
      }
    }
    return order.parts;
  }

  get parts(): OpenParts {
    const owners = this.#owners && { owners: Object.fromEntries(this.#owners) };
    return { open: this.#open, ended: [...this.#ended], ...owners };
  }

  /**
   * Takes the next event.
   * @returns what to write: the event, behind whatever must come before it. A piece of a message that was not begun
   *   begins it; a terminal event ends what is open.
   * @throws CodedError `BAD_USER_INPUT` where nothing makes it acceptable
   */
  take(event: OrderedEvent): OrderedEvent[] {
    const { type, payload } = event;
    const tag = textOf(payload['subagentRunId']);
    if (tag !== undefined) this.#owners ??= new Map(this.#open.flatMap((part) => entryOf(part)));
    this.#refer(event, tag);
    const chunk = CHUNKS[type];
    if (chunk) {
      this.#chunk(event, chunk, tag);
      return [event];
    }
    if (type === 'RUN_FINISHED' || type === 'RUN_ERROR') return [...this.#closing(event), event];
    if (ENDS_ALL_CHUNKS.has(type)) this.#open = this.#open.filter((part) => !part.chunk);
    else if (!BESIDE_CHUNKS.has(type)) this.#endChunks(tag ?? null);
    const begins = BEGINS[type];
    if (begins) this.#begin(event, begins, tag);
    const continues = CONTINUES[type];
    if (continues) return this.#continue(event, continues, tag);
    const ends = ENDS[type];
    if (ends) this.#end(event, ends, tag);
    return [event];
  }

  #begin({ type, payload }: OrderedEvent, { kind, key }: Place, tag: string | undefined): void {
    const id = textOf(payload[key])!;
    const owner = kind === 'TOOL_CALL' ? this.#ownerOfCall(type, payload, tag) : (tag ?? null);
    if (kind === 'SUBAGENT') {
      if (this.#ended.has(id)) throw refused(type, kind, id, 'has ended; a new invocation needs a new id');
      const parent = textOf(payload['parentSubagentRunId']);
      if (parent !== undefined && !this.#ended.has(parent) && !this.#find('SUBAGENT', parent))
        throw refused(type, kind, parent, 'has not been started in this run');
      const subagents = this.#ended.size + this.#open.filter((part) => part.kind === 'SUBAGENT').length;
      if (subagents >= RUNS.subagents) throw badUserInput(`${type}: a run has at most ${RUNS.subagents} subagents.`);
    }
    if (this.#find(kind, id, owner)) throw refused(type, kind, id, 'is already open; end it first');
    this.#add(type, { kind, id, owner: kind === 'SUBAGENT' ? null : owner }, tag);
  }

  #continue(event: OrderedEvent, { kind, key }: Place, tag: string | undefined): OrderedEvent[] {
    const id = textOf(event.payload[key])!;
    const part = this.#find(kind, id);
    if (part) {
      checkOwner(event.type, part, this.#ownerOf(part), tag);
      return [event];
    }
    const opener = OPENERS[kind];
    if (!opener) throw refused(event.type, kind, id, 'has not been begun, or has ended');
    const payload = { [key]: id, ...opener.payload, ...(tag === undefined ? {} : { subagentRunId: tag }) };
    this.#add(event.type, { kind, id, owner: tag ?? null }, tag);
    return [{ type: opener.type, payload }, event];
  }

  #end({ type, payload }: OrderedEvent, { kind, key }: Place, tag: string | undefined): void {
    const id = textOf(payload[key])!;
    const part = this.#find(kind, id, tag ?? null);
    if (!part) throw refused(type, kind, id, 'has not been begun, or has ended');
    if (part.chunk) throw refused(type, kind, id, 'came in CHUNKs, which end by themselves');
    if (kind !== 'SUBAGENT') checkOwner(type, part, this.#ownerOf(part), tag);
    else this.#ended.add(id);
    this.#open = this.#open.filter((open) => open !== part);
  }

  /** A CHUNK belongs to the part of its id, or to the one that its producer has open. */
  #chunk({ type, payload }: OrderedEvent, { kind, key }: Place, tag: string | undefined): void {
    const id = textOf(payload[key]);
    const chunks = this.#open.filter((part) => part.chunk && part.kind === kind);
    const part = id === undefined ? chunkOf(type, key, chunks, tag) : chunks.find((open) => open.id === id);
    if (part) {
      checkOwner(type, part, this.#ownerOf(part), tag);
      for (const { field } of AGREED[kind] ?? []) {
        const said = textOf(payload[field]);
        if (said !== undefined && said !== part.chunk![field])
          throw refused(type, kind, part.id, `began with another \`${field}\``);
      }
      return;
    }
    if (kind === 'TOOL_CALL' && textOf(payload['toolCallName']) === undefined)
      throw badUserInput(`${type}: the first piece of a tool call must have its \`toolCallName\`.`);
    if (this.#find(kind, id!)) throw refused(type, kind, id!, 'is already open; end it first');
    const owner = tag ?? null;
    if (kind === 'TOOL_CALL') this.#ownerOfCall(type, payload, tag);
    this.#endChunks(owner);
    const chunk = Object.fromEntries(
      (AGREED[kind] ?? []).flatMap(({ field, otherwise }) => {
        const said = textOf(payload[field]) ?? otherwise;
        return said === undefined ? [] : [[field, said]];
      }),
    );
    this.#add(type, { kind, id: id!, owner, chunk }, tag);
  }

  /** Events that name something without opening or ending it must not name it as another's. */
  #refer({ type, payload }: OrderedEvent, tag: string | undefined): void {
    if (!this.#owners) return;
    const message = textOf(payload['messageId']) ?? '';
    const entity = textOf(payload['entityId']) ?? '';
    switch (type) {
      case 'ACTIVITY_SNAPSHOT':
        if (payload['replace'] !== false || !this.#owners.has(`a ${message}`)) this.#own(`a ${message}`, tag ?? null);
        break;
      case 'ACTIVITY_DELTA':
        this.#check(type, [`a ${message}`], tag);
        break;
      case 'TOOL_CALL_RESULT':
        this.#result(type, message, tag ?? null);
        break;
      case 'REASONING_ENCRYPTED_VALUE':
        this.#check(type, payload['subtype'] === 'tool-call' ? [`t ${entity}`] : [`m ${entity}`, `r ${entity}`], tag);
        break;
      case 'MESSAGES_SNAPSHOT':
        this.#seed(payload['messages']);
        break;
      default:
    }
  }

  /** A result is a message of its own, whatever had its id before. */
  #result(type: string, id: string, owner: string | null): void {
    const made = this.#open.find((part) => part.chunk && part.kind === 'TEXT' && part.id === id);
    // Its END says whose it was begun by, where that is a subagent; without, it agrees with any.
    if (made && made.owner !== null && made.owner !== owner) throw refused(type, 'TEXT', id, 'is still open');
    this.#own(`m ${id}`, owner);
  }

  /** Whose an open part is now. */
  #ownerOf(part: Part): string | null {
    const name = nameOf(part);
    const owner = name === undefined ? undefined : this.#owners?.get(name);
    return owner === undefined ? part.owner : owner;
  }

  /** A snapshot says anew whose its messages are. */
  #seed(messages: JsonValue | undefined): void {
    for (const each of Array.isArray(messages) ? messages : []) {
      const { id, role, subagentRunId, toolCalls } = each as { [key: string]: JsonValue };
      const owner = textOf(subagentRunId) ?? null;
      const name = role === 'reasoning' ? 'r' : role === 'activity' ? 'a' : 'm';
      this.#own(`${name} ${textOf(id)}`, owner);
      for (const call of Array.isArray(toolCalls) ? toolCalls : [])
        this.#own(`t ${textOf((call as { [key: string]: JsonValue })['id'])}`, owner);
    }
  }

  #check(type: string, names: readonly string[], tag: string | undefined): void {
    const name = names.find((each) => this.#owners?.has(each));
    const owner = name === undefined ? undefined : this.#owners!.get(name);
    if (tag !== undefined && owner !== undefined && owner !== tag)
      throw badUserInput(`${type}: ${show(name!.slice(2))} ${whose(owner)}.`);
  }

  /** The owner of what is begun: the first that it had. */
  #claim(type: string, name: string, tag: string | undefined, owner: string | null): string | null {
    if (!this.#owners) return owner;
    this.#check(type, [name], tag);
    const known = this.#owners.get(name);
    if (known !== undefined) return known;
    this.#own(name, owner);
    return owner;
  }

  #own(name: string, owner: string | null): void {
    if (!this.#owners) return;
    this.#owners.set(name, owner);
    // What was said longest ago is the least likely to be named again.
    if (this.#owners.size > RUNS.owners) this.#owners.delete(this.#owners.keys().next().value!);
  }

  /** A tool call belongs to whom the message belongs to that makes it. */
  #ownerOfCall(type: string, payload: OrderedEvent['payload'], tag: string | undefined): string | null {
    const parent = `m ${textOf(payload['parentMessageId'])}`;
    const owner = this.#owners?.get(parent);
    if (owner === undefined) return tag ?? null;
    this.#check(type, [parent], tag);
    const before = this.#owners?.get(`t ${textOf(payload['toolCallId'])}`);
    if (before !== undefined && before !== owner)
      throw badUserInput(`${type}: the tool call ${whose(before)}, its parent message ${whose(owner)}.`);
    return owner;
  }

  /** The END events of all that is open, what was begun last first. */
  #closing({ type, payload }: OrderedEvent): OrderedEvent[] {
    const outcome = (payload['outcome'] as { type?: string } | undefined)?.type;
    const failed = type === 'RUN_ERROR' || outcome === 'cancelled';
    const ends = this.#open
      .filter((part) => !part.chunk)
      .reverse()
      .map((part): OrderedEvent => {
        const { kind, id } = part;
        const owner = this.#ownerOf(part);
        if (kind === 'SUBAGENT' && failed)
          return { type: 'SUBAGENT_ERROR', payload: { subagentRunId: id, message: 'The run ended before it did.' } };
        const { type: end, key } = CLOSERS[kind];
        const ended: OrderedEvent['payload'] = { [key]: id };
        if (kind === 'SUBAGENT' && outcome === 'interrupt') ended['outcome'] = { type: 'suspended' };
        if (owner !== null) ended['subagentRunId'] = owner;
        return { type: end, payload: ended };
      });
    this.#open = [];
    return ends;
  }

  /** Steps are known by their owner and name, everything else by its id. */
  #find(kind: Kind, id: string, owner?: string | null): Part | undefined {
    return this.#open.find((part) => part.kind === kind && part.id === id && (kind !== 'STEP' || part.owner === owner));
  }

  #add(type: string, { owner, ...part }: Part, tag: string | undefined): void {
    if (this.#open.length >= RUNS.openParts)
      throw badUserInput(`${type}: a run has at most ${RUNS.openParts} messages, calls, steps and subagents open.`, {
        hint: 'End some of them first.',
      });
    const name = nameOf(part);
    this.#open.push({ ...part, owner: name === undefined || part.chunk ? owner : this.#claim(type, name, tag, owner) });
    // A part made of CHUNKs is its producer's; whose its message is, is another matter.
    if (name !== undefined && part.chunk) this.#claim(type, name, tag, owner);
  }

  #endChunks(owner: string | null): void {
    this.#open = this.#open.filter((part) => !part.chunk || part.owner !== owner);
  }
}

/** The part that a CHUNK without an id goes on with. */
function chunkOf(type: string, key: string, chunks: readonly Part[], tag: string | undefined): Part {
  const own = chunks.find((part) => part.owner === (tag ?? null));
  if (own) return own;
  if (tag === undefined && chunks.length === 1) return chunks[0]!;
  throw badUserInput(
    chunks.length > 1 && tag === undefined
      ? `${type}: several subagents have one open; name yours in \`subagentRunId\`, or give the \`${key}\`.`
      : `${type}: the first piece must have a \`${key}\`.`,
  );
}

function checkOwner(type: string, { kind, id }: Part, owner: string | null, tag: string | undefined): void {
  if (tag !== undefined && tag !== owner) throw refused(type, kind, id, whose(owner));
}

/** What a message, a tool call or reasoning is called in {@link OpenParts.owners}; ids are unique within these. */
function nameOf({ kind, id }: Pick<Part, 'kind' | 'id'>): string | undefined {
  if (kind === 'TEXT') return `m ${id}`;
  if (kind === 'TOOL_CALL') return `t ${id}`;
  return kind === 'REASONING' || kind === 'REASONING_MESSAGE' ? `r ${id}` : undefined;
}

function entryOf(part: Part): [string, string | null][] {
  const name = nameOf(part);
  return name === undefined ? [] : [[name, part.owner]];
}

const whose = (owner: string | null): string =>
  owner === null ? "is no subagent's" : `is that of the subagent ${show(owner)}`;

const refused = (type: string, kind: Kind, id: string, why: string) =>
  badUserInput(`${type}: the ${NAMES[kind]} ${show(id)} ${why}.`, {
    hint: "The order of events is AG-UI's (https://docs.ag-ui.com/concepts/events).",
  });

const show = (id: string): string => JSON.stringify(id.slice(0, 80));
const textOf = (value: JsonValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
