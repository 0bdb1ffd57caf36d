/** The imports of the floors' files, summed up to the arrows that the picture draws. */
import { roomOf, type Import } from './imports.ts';
import type { Floor, Line } from './rooms.ts';

export interface Arrow {
  /** Paths of rooms or of floors. */
  readonly from: string;
  readonly to: string;
  /** How many imports it stands for. */
  readonly imports: number;
}

export interface Arrows {
  /** Between rooms of one floor, and from a room to a room or floor right below its own. */
  readonly rooms: readonly Arrow[];
  /** Between floors: what more than one room imports of another floor. */
  readonly floors: readonly Arrow[];
  /** For each line (by its title) the rooms of its floor that it imports or is imported by. */
  readonly lines: ReadonlyMap<Line, ReadonlySet<string>>;
}

const linesOf = (floor: Floor): Line[] => [floor.roof, floor.ground].filter((line) => line !== undefined);

/** Where a file is in the picture. */
interface Place {
  readonly floor: Floor;
  readonly line?: Line;
  /** The room's path, or the floor's where the floor has no rooms. */
  readonly path: string;
}

/**
 * @throws when a room of the floors has no place in the picture
 * @returns undefined for files on none of the floors, such as those of examples/
 */
function placeOf(file: string, floors: readonly Floor[]): Place | undefined {
  const room = roomOf(file);
  for (const floor of floors) {
    const lines = linesOf(floor);
    const line = lines.find(({ paths }) => paths.includes(file)) ?? lines.find(({ paths }) => paths.includes(room));
    if (line) return { floor, line, path: room };
    if (floor.path === room && floor.rooms.length === 0) return { floor, path: room };
    if (floor.rooms.some(({ path }) => path === room)) return { floor, path: room };
    const open = lines.find(({ paths }) => paths.includes(`${room}/*`));
    if (open) return { floor, line: open, path: room };
  }
  if (!floors.some(({ path }) => path === file.split('/')[0])) return undefined;
  throw new Error(`${room} has no place in the picture. Give it one in ops/architecture/rooms.ts (found by ${file}).`);
}

/** Sums up imports. Each count is of import statements. */
export function arrowsOf(imports: readonly Import[], floors: readonly Floor[]): Arrows {
  const within = new Map<string, Arrow>();
  const across = new Map<string, Arrow>();
  const lines = new Map<Line, Set<string>>(floors.flatMap(linesOf).map((line) => [line, new Set()]));
  const count = (arrows: Map<string, Arrow>, from: string, to: string): void => {
    const key = `${from} → ${to}`;
    arrows.set(key, { from, to, imports: (arrows.get(key)?.imports ?? 0) + 1 });
  };
  for (const { file, target } of imports) {
    const [from, to] = [placeOf(file, floors), target === undefined ? undefined : placeOf(target, floors)];
    if (!from || !to) continue;
    if (from.floor !== to.floor) count(across, from.path, to.path);
    else if (from.line && !to.line) lines.get(from.line)!.add(to.path);
    else if (to.line && !from.line) lines.get(to.line)!.add(from.path);
    else if (from.path !== to.path && !from.line && !to.line) count(within, from.path, to.path);
  }
  return { ...byFloor([...across.values()], floors, [...within.values()]), lines };
}

/** Keeps arrows between rooms of neighbouring floors where they are few kinds, and sums up the others by floor. */
function byFloor(
  across: readonly Arrow[],
  floors: readonly Floor[],
  within: readonly Arrow[],
): Pick<Arrows, 'rooms' | 'floors'> {
  const indexOf = (path: string): number =>
    floors.findIndex((floor) => floor.path === path || floor.rooms.some((room) => room.path === path)) >= 0
      ? floors.findIndex((floor) => floor.path === path || floor.rooms.some((room) => room.path === path))
      : floors.findIndex((floor) => floor.path === path.split('/')[0]);
  const rooms = [...within];
  const sums = new Map<string, Arrow>();
  for (const arrow of across) {
    const [from, to] = [indexOf(arrow.from), indexOf(arrow.to)];
    const doors = new Set(across.filter((a) => indexOf(a.from) === from && indexOf(a.to) === to).map((a) => a.from));
    const isRoom = floors[from]!.rooms.some(({ path }) => path === arrow.from);
    if (to === from + 1 && isRoom && (doors.size === 1 || floors[to]!.rooms.length === 0)) {
      rooms.push(arrow);
      continue;
    }
    const key = `${from} ${to}`;
    sums.set(key, {
      from: floors[from]!.path,
      to: floors[to]!.path,
      imports: (sums.get(key)?.imports ?? 0) + arrow.imports,
    });
  }
  return { rooms, floors: [...sums.values()] };
}
