import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { EmbeddedStoreError } from './embedded-store-error.ts';

const run = promisify(execFile);

/** The user and group a child process runs as. */
export interface ProcessIdentity {
  uid: number;
  gid: number;
}

/**
 * Whom to run PostgreSQL as. It refuses to run as root, so root hands it to `nobody`; everybody else runs it as
 * themselves.
 *
 * @returns undefined when the current user will do.
 */
export async function postgresIdentity(): Promise<ProcessIdentity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    // The numbers differ between systems (65534 on Linux, -2 on macOS), and initdb needs an entry in the user database
    // anyway.
    const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch (cause) {
    throw new EmbeddedStoreError(
      'EMBEDDED_STORE_UNSUPPORTED',
      'PostgreSQL does not run as root, and this machine has no user "nobody".',
      {
        hint: 'Start as an ordinary user, or set DATABASE_URL to a PostgreSQL server.',
        cause,
      },
    );
  }
}
