/** Where floors and rooms are, and the ways of the arrows around the boxes. Lengths are in units of the SVG's view box. */
import type { Arrow } from './arrows.ts';
import type { Floor, Line, PlacedRoom } from './rooms.ts';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly floors: ReadonlyMap<Floor, Box>;
  readonly rooms: ReadonlyMap<string, Box & { readonly room: PlacedRoom; readonly floor: Floor }>;
  readonly lines: ReadonlyMap<Line, Box>;
}

const WIDTH = 1000;
/** Right of the floors, for the arrows between those that are not neighbours. */
const LANES = 66;
const MARGIN = 12;
const COLUMNS = 24;
const PADDING = 20;
const HEAD = 40;
/** Under a floor's head, for the arrow that branches to all its rooms. */
const BUS = 26;
const ROOM_HEIGHT = 50;
/** For each store under a room's name. */
export const STORE_HEIGHT = 15;
const LINE_HEIGHT = 34;
/** Between rows of rooms: the channel that arrows change sides in. */
const CHANNEL = 60;
const BETWEEN_FLOORS = 44;

/** @param stores the names of the stores under each room that has any */
export function layOut(floors: readonly Floor[], stores: ReadonlyMap<string, readonly string[]>): Layout {
  const placed = { floors: new Map<Floor, Box>(), rooms: new Map(), lines: new Map<Line, Box>() } as {
    floors: Map<Floor, Box>;
    rooms: Map<string, Box & { room: PlacedRoom; floor: Floor }>;
    lines: Map<Line, Box>;
  };
  const left = MARGIN + PADDING;
  const inner = WIDTH - MARGIN - LANES - 2 * PADDING;
  let y = 12;
  for (const floor of floors) {
    const top = y;
    y += HEAD;
    if (floor.roof) {
      placed.lines.set(floor.roof, { x: left, y, width: inner, height: LINE_HEIGHT });
      y += LINE_HEIGHT + 26;
    }
    if (floor.rooms.some(({ path }) => stores.has(path))) y += BUS;
    const extra = STORE_HEIGHT * Math.max(0, ...floor.rooms.map(({ path }) => stores.get(path)?.length ?? 0));
    const rows = 1 + Math.max(-1, ...floor.rooms.map(({ row }) => row));
    for (const room of floor.rooms) {
      const [column, columns] = room.columns ?? evenly(room, floor);
      placed.rooms.set(room.path, {
        room,
        floor,
        x: left + (column / COLUMNS) * inner,
        y: y + room.row * (ROOM_HEIGHT + CHANNEL),
        width: (columns / COLUMNS) * inner,
        height: ROOM_HEIGHT + extra,
      });
    }
    if (rows > 0) y += rows * (ROOM_HEIGHT + extra) + (rows - 1) * CHANNEL + PADDING;
    if (floor.ground) {
      y += 6;
      placed.lines.set(floor.ground, { x: left, y, width: inner, height: LINE_HEIGHT });
      y += LINE_HEIGHT + PADDING;
    }
    placed.floors.set(floor, { x: MARGIN, y: top, width: WIDTH - MARGIN - LANES, height: y - top });
    y += BETWEEN_FLOORS;
  }
  return { ...placed, width: WIDTH, height: y - BETWEEN_FLOORS + 44 };
}

/** The columns of a room that names none. */
function evenly(room: PlacedRoom, floor: Floor): readonly [left: number, width: number] {
  const row = floor.rooms.filter((other) => other.row === room.row);
  const share = COLUMNS / row.length;
  const gap = Math.min(2.5, 0.08 * share + 0.05);
  return [(row.indexOf(room) * (COLUMNS + gap)) / row.length, (COLUMNS + gap) / row.length - gap];
}

export type Point = readonly [x: number, y: number];

/** An arrow's way: from point to point, leaving and arriving upright or level. */
export interface Way {
  readonly arrow: Arrow;
  readonly points: readonly Point[];
  readonly level: boolean;
  /** Straight from point to point. */
  readonly angular?: boolean;
  /** Against the order of rows. */
  readonly upwards: boolean;
}

/** The ways of the arrows between rooms, in the order given. */
export function waysOf(arrows: readonly Arrow[], layout: Layout, floors: readonly Floor[]): Way[] {
  const boxOf = (path: string): Box =>
    layout.rooms.get(path) ?? layout.floors.get(floors.find((floor) => floor.path === path)!)!;
  /** To rooms of the floor below: down along the side, and from one line to all of them. */
  const branches = ({ from, to }: Arrow): boolean =>
    layout.rooms.has(to) && layout.rooms.get(from)!.floor !== layout.rooms.get(to)!.floor;
  const level = (arrow: Arrow): boolean => boxOf(arrow.from).y === boxOf(arrow.to).y;
  const usedGaps = new Map<string, number>();
  const bends = new Map(arrows.map((arrow) => [arrow, level(arrow) || branches(arrow) ? [] : bendsOf(arrow)]));

  /** Through the gaps of the rows in between. */
  function bendsOf({ from, to }: Arrow): Point[] {
    const [a, b] = [boxOf(from), boxOf(to)];
    const down = b.y > a.y;
    const [x0, x1] = [a.x + a.width / 2, b.x + b.width / 2];
    const between = [...layout.rooms.values()].filter(({ y }) => (down ? y > a.y && y < b.y : y < a.y && y > b.y));
    const rows = [...new Set(between.map(({ y }) => y))].sort((p, q) => (down ? p - q : q - p));
    let x = x0;
    return rows.flatMap((y): Point[] => {
      const row = between.filter((box) => box.y === y).sort((p, q) => p.x - q.x);
      const edges = [MARGIN + 14, ...row.flatMap((box) => [box.x, box.x + box.width]), WIDTH - LANES - 4];
      const gaps = Array.from(
        { length: edges.length / 2 },
        (_, i) => [edges[2 * i]!, edges[2 * i + 1]!] as const,
      ).filter(([l, r]) => r - l > 10);
      const cost = ([l, r]: readonly [number, number]): number =>
        Math.abs((l + r) / 2 - x) + Math.abs((l + r) / 2 - x1);
      const [l, r] = gaps.reduce((best, gap) => (cost(gap) < cost(best) - 0.5 ? gap : best));
      const key = `${y} ${l}`;
      const used = usedGaps.get(key) ?? 0;
      usedGaps.set(key, used + 1);
      // From the middle to both sides by turns.
      x = Math.min(r - 6, Math.max(l + 6, (l + r) / 2 + Math.ceil(used / 2) * 9 * (used % 2 === 1 ? 1 : -1)));
      const [first, last] = down ? [y - 4, y + ROOM_HEIGHT + 4] : [y + ROOM_HEIGHT + 4, y - 4];
      return [
        [x, first],
        [x, last],
      ];
    });
  }

  /** The place of an arrow among those that leave or enter the same side of a box. */
  function port(path: string, arrow: Arrow): number {
    const box = boxOf(path);
    const sideOf = (other: Arrow): 'top' | 'bottom' =>
      boxOf(other.from === path ? other.to : other.from).y > box.y ? 'bottom' : 'top';
    const towards = (other: Arrow): number => {
      const bend = bends.get(other)!;
      if (bend.length > 0) return (other.from === path ? bend[0]! : bend.at(-1)!)[0];
      const end = boxOf(other.from === path ? other.to : other.from);
      return end.x + end.width / 2;
    };
    const peers = arrows
      .filter(
        (other) =>
          (other.from === path || other.to === path) &&
          !level(other) &&
          !branches(other) &&
          sideOf(other) === sideOf(arrow),
      )
      .sort((p, q) => towards(p) - towards(q));
    const step = Math.min(26, (box.width - 24) / peers.length);
    return box.x + box.width / 2 + (peers.indexOf(arrow) - (peers.length - 1) / 2) * step;
  }

  return arrows.map((arrow): Way => {
    const [a, b] = [boxOf(arrow.from), boxOf(arrow.to)];
    if (branches(arrow)) {
      const [side, line, middle] = [MARGIN + 9, b.y - 16, b.x + b.width / 2];
      const points: Point[] = [
        [a.x, a.y + a.height / 2],
        [side, a.y + a.height / 2],
        [side, line],
        [middle, line],
        [middle, b.y],
      ];
      return { arrow, level: false, upwards: false, angular: true, points };
    }
    if (level(arrow)) {
      const returned = arrows.some(({ from, to }) => from === arrow.to && to === arrow.from);
      const right = b.x > a.x;
      const y = a.y + a.height / 2 + (returned ? (right ? -9 : 9) : 0);
      return {
        arrow,
        level: true,
        upwards: false,
        points: right
          ? [
              [a.x + a.width, y],
              [b.x, y],
            ]
          : [
              [a.x, y],
              [b.x + b.width, y],
            ],
      };
    }
    const down = b.y > a.y;
    const whole = !layout.rooms.has(arrow.to);
    const start = port(arrow.from, arrow);
    return {
      arrow,
      level: false,
      upwards: !down,
      points: [
        [start, down ? a.y + a.height : a.y],
        ...bends.get(arrow)!,
        [whole ? start : port(arrow.to, arrow), down ? b.y : b.y + b.height],
      ],
    };
  });
}
