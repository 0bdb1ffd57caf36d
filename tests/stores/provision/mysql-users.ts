import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes what a MariaDB or a MySQL begins with: a password of root, and the user `tests`, who may do all. */
export async function writeUsers(folder: string): Promise<{ readonly path: string; readonly password: string }> {
  const password = randomBytes(20).toString('hex');
  const path = join(folder, 'first.sql');
  await writeFile(
    path,
    `ALTER USER root@localhost IDENTIFIED BY '${password}';\nCREATE USER tests@'%' IDENTIFIED BY '${password}';\nGRANT ALL ON *.* TO tests@'%' WITH GRANT OPTION;\n`,
    { mode: 0o600 },
  );
  return { path, password };
}
