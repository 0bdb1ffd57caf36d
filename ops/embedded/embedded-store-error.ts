/**
 * Why an embedded store could not be started, stopped or locked. `code` is stable; `hint` says what a person can do
 * about it.
 */
export class EmbeddedStoreError extends Error {
  readonly code: EmbeddedStoreErrorCode;
  readonly hint: string | undefined;

  constructor(code: EmbeddedStoreErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(options.hint ? `${message} ${options.hint}` : message, { cause: options.cause });
    this.name = 'EmbeddedStoreError';
    this.code = code;
    this.hint = options.hint;
  }
}

export type EmbeddedStoreErrorCode =
  /** No build of the store for this platform, or the build cannot be run here. */
  | 'EMBEDDED_STORE_UNSUPPORTED'
  /** The files on disk cannot be used as they are. */
  | 'EMBEDDED_STORE_DATA'
  /** The process did not start, or did not end, in its time. */
  | 'EMBEDDED_STORE_FAILED'
  /** Another live process holds the data folder. */
  | 'DATA_FOLDER_LOCKED';
