import { readdir, readFile } from 'node:fs/promises';

/** Clock ticks per second in /proc; a constant of Linux' ABI. */
const TICKS_PER_SECOND = 100;

/** CPU time of a process and its children so far, in milliseconds; 0 where there is no /proc. */
export async function serverCpuMs(pid: number): Promise<number> {
  let ticks = 0;
  for (const entry of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(entry)) continue;
    // A process that ends meanwhile has no file any more; its time goes to its parent, as "children's".
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => undefined);
    if (stat === undefined) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [parent, user, system, childUser, childSystem] = [fields[1], ...fields.slice(11, 15)].map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    if (Number(entry) === pid) ticks += user + system + childUser + childSystem;
    else if (parent === pid) ticks += user + system;
  }
  return (ticks * 1_000) / TICKS_PER_SECOND;
}
