/**
 * A limit on arrays of bytes in this thread. V8's limits of a thread are of its heap, and bytes lie outside it: a stream of a
 * few kilobytes that unpacks to gigabytes would take the memory of the whole process. To be imported before what is to be
 * held to it.
 */
import { EXTRACTION } from './bounds.ts';
import { UnreadableError } from './unreadable.ts';

const Bytes = globalThis.Uint8Array;

function check([first]: unknown[]): void {
  const length =
    typeof first === 'number'
      ? first
      : ArrayBuffer.isView(first) || Array.isArray(first)
        ? (first as Uint8Array).length
        : 0;
  if (length > EXTRACTION.arrayBytes)
    throw new UnreadableError(`it unpacks to more than ${EXTRACTION.arrayBytes} bytes`);
}

globalThis.Uint8Array = new Proxy(Bytes, {
  construct(target, parameters, newTarget: typeof Bytes) {
    check(parameters);
    // A class that extends it, as Node's `Buffer` does, keeps its own prototype.
    return Reflect.construct(
      target,
      parameters,
      newTarget === globalThis.Uint8Array ? target : newTarget,
    ) as Uint8Array;
  },
});
