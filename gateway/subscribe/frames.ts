/**
 * Messages of the `graphql-transport-ws` protocol as whole WebSocket frames, so that what many are sent is encoded
 * once.
 */

/** First byte of a frame that is a whole text message (RFC 6455, section 5.2). */
const TEXT = 0x81;
const END = Buffer.from('}');

/** What comes before the payload of each `next` message of one subscription. */
export const nextPrefix = (id: string): Buffer => Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`);

/** The length of the frame around so many bytes of text, not masked, as servers send them. */
export const frameLength = (length: number): number => length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);

/** Bytes that a `next` message has besides its payload, prefix included. */
export const messageLength = (prefix: Buffer, payload: Buffer): number => prefix.length + payload.length + END.length;

/** Writes the frame of one `next` message into `target`. @returns where it ends */
export function writeNext(target: Buffer, start: number, prefix: Buffer, payload: Buffer): number {
  let at = writeHeader(target, start, messageLength(prefix, payload));
  at += prefix.copy(target, at);
  at += payload.copy(target, at);
  return at + END.copy(target, at);
}

/** The frame of one `next` message around the payload's own bytes, which many clients may wait for at once. */
export function framedNext(prefix: Buffer, payload: Buffer): readonly Buffer[] {
  const length = messageLength(prefix, payload);
  const head = Buffer.allocUnsafe(frameLength(length) - payload.length - END.length);
  prefix.copy(head, writeHeader(head, 0, length));
  return [head, payload, END];
}

function writeHeader(target: Buffer, start: number, length: number): number {
  target[start] = TEXT;
  if (length < 126) {
    target[start + 1] = length;
    return start + 2;
  }
  if (length < 65_536) {
    target[start + 1] = 126;
    return target.writeUInt16BE(length, start + 2);
  }
  target[start + 1] = 127;
  return target.writeBigUInt64BE(BigInt(length), start + 2);
}
