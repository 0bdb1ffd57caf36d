/** What the errors of a file system mean for the caller. */
import { badUserInput, CodedError, storeUnavailable } from '#subgraphs/shared/errors.ts';

const STORE = 'The file store';

/**
 * True where the path leads to nothing: absent, below something that is no folder, a symbolic link, or longer than
 * paths can be.
 */
export const isAbsent = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(codeOf(error));

/** The error to raise for `error`; errors that do not come from the file system are returned as they are. */
export function filesError(error: unknown): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new CodedError('STORE_UNAVAILABLE', 'The disk of the file store is full; nothing was stored.', {
        cause: error,
        hint: 'Free space under DATA_DIR, or set S3_ENDPOINT to keep objects elsewhere.',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return storeUnavailable(
        STORE,
        error,
        'The folder DATA_DIR must be writable for the user that runs this process.',
      );
    case 'EMFILE':
    case 'ENFILE':
      return storeUnavailable(STORE, error, 'Raise the limit on open files (`ulimit -n`).');
    case 'EFBIG':
      return new CodedError(
        'PAYLOAD_TOO_LARGE',
        'The object is larger than the file system accepts; nothing was stored.',
        { cause: error },
      );
    case 'ENAMETOOLONG':
      return badUserInput('The key is too long for the file system that keeps it.', { cause: error });
    case 'EIO':
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'EBUSY':
    case 'ESTALE':
      return storeUnavailable(STORE, error, 'Check the folder DATA_DIR.');
    default:
      return error;
  }
}

function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
