/** Objects as they are copied from one store to another, whatever kind it is. */

export interface KeptObject {
  readonly key: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly updatedAt: Date;
}

export interface KeptObjects {
  /** All objects of what is kept under an id. @throws CodedError */
  list(tenantId: string): AsyncIterable<KeptObject>;
  /** The bytes of one; null where it is not there any more. @throws CodedError */
  read(tenantId: string, key: string): Promise<AsyncIterable<Uint8Array> | null>;
  /** Stores one. @throws CodedError where the bytes are not those of the SHA-256 */
  write(
    tenantId: string,
    object: Omit<KeptObject, 'updatedAt'> & { readonly sha256: string },
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<void>;
  /** Removes one. @throws CodedError */
  remove(tenantId: string, key: string): Promise<void>;
}
