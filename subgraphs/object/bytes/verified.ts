/** Checks bytes against what was promised of them while they stream by. */
import { createHash, type Hash } from 'node:crypto';
import { badUserInput, CodedError } from '#subgraphs/shared/errors.ts';
import type { PutOptions } from '../driver.ts';

/** Counts and hashes bytes; ends with a verdict. */
export class VerifiedBytes {
  readonly #expected: Pick<PutOptions, 'sizeBytes' | 'sha256'>;
  readonly #hash: Hash = createHash('sha256');
  #size = 0;

  constructor(expected: Pick<PutOptions, 'sizeBytes' | 'sha256'>) {
    this.#expected = expected;
  }

  /**
   * Takes the next bytes.
   * @throws CodedError `PAYLOAD_TOO_LARGE` as soon as there are more than promised
   */
  add(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    const { sizeBytes } = this.#expected;
    if (sizeBytes !== undefined && this.#size > sizeBytes) {
      throw new CodedError(
        'PAYLOAD_TOO_LARGE',
        `More than the announced ${sizeBytes} bytes arrived; nothing was stored.`,
      );
    }
    this.#hash.update(chunk);
  }

  /**
   * Ends the count.
   * @throws CodedError `BAD_USER_INPUT` when size or checksum are not as promised
   */
  finish(): { sizeBytes: number; sha256: string } {
    const { sizeBytes, sha256: expected } = this.#expected;
    if (sizeBytes !== undefined && this.#size !== sizeBytes) {
      throw badUserInput(`${this.#size} bytes arrived where ${sizeBytes} were announced; nothing was stored.`);
    }
    const sha256 = this.#hash.digest('hex');
    if (expected !== undefined && sha256 !== expected) {
      throw badUserInput(
        `The bytes have the SHA-256 checksum ${sha256}, not the announced ${expected}; nothing was stored.`,
      );
    }
    return { sizeBytes: this.#size, sha256 };
  }
}
