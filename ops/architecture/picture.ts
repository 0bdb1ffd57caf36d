/** docs/architecture.svg: the rooms of the project on their floors, and who imports whom. */
import { arrowsOf, type Arrow } from './arrows.ts';
import type { Import } from './imports.ts';
import { layOut, STORE_HEIGHT, waysOf, type Box, type Layout, type Point, type Way } from './layout.ts';
import type { Floor, Line } from './rooms.ts';

/*
 * An image on a page has no fonts but those of the machine that looks at it, and follows the colours that the reader
 * has chosen. It brings its own background, so that it can be read on either.
 */
const STYLE = `
    svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --box: #ffffff; --rim: #d1d9e0; --mark: #ffffff;
      --f0: #fff4e5; --f1: #eaf3ff; --f2: #e9f7ee; --f3: #f3edfd;
      --c0: #b35900; --c1: #0a58c2; --c2: #1a7f43; --c3: #7442c8; }
    @media (prefers-color-scheme: dark) { svg { --page: #0d1117; --ink: #e6edf3; --soft: #9ca7b4; --box: #161b22; --rim: #3d444d; --mark: #0d1117;
      --f0: #241a0e; --f1: #0f1e33; --f2: #0f2318; --f3: #1e1730;
      --c0: #e8a24e; --c1: #6cb0ff; --c2: #56c983; --c3: #b394f4; } }
    text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: var(--ink); }
    .page { fill: var(--page); } .box { fill: var(--box); stroke: var(--rim); } .soft { fill: var(--soft); }
    .floor { font-size: 17px; font-weight: 700; } .does { font-size: 12px; } .name { font-size: 14px; font-weight: 600; } .store { font-size: 12px; }
    .way { fill: none; stroke-linecap: butt; } .halo { fill: none; } .h { stroke: var(--page); } .step { font-size: 11px; font-weight: 700; fill: var(--mark); }
${[0, 1, 2, 3].map((i) => `    .f${i} { fill: var(--f${i}); } .h${i} { stroke: var(--f${i}); } .c${i} { fill: var(--c${i}); } .s${i} { stroke: var(--c${i}); }`).join('\n')}
  `;

/**
 * Draws the floors.
 * @param files the project's files, whose folders in `drivers/` are the stores of a subgraph
 * @returns the SVG's text, the same for the same imports whatever their order; it changes when an arrow comes, goes or doubles
 */
export function picture(imports: readonly Import[], files: readonly string[], floors: readonly Floor[]): string {
  const arrows = arrowsOf(imports, floors);
  const stores = storesOf(files);
  const layout = layOut(floors, stores);
  const sorted = (list: readonly Arrow[]): Arrow[] =>
    [...list].sort((a, b) => (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1));
  const ways = waysOf(sorted(arrows.rooms), layout, floors);
  const indexOf = (path: string): number =>
    floors.findIndex(({ path: own, rooms }) => own === path || rooms.some((room) => room.path === path));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${layout.width} ${layout.height}" width="${layout.width}" height="${layout.height}" role="img" aria-labelledby="title desc">`,
    '  <!-- Drawn by `npm run picture` from the imports. The boxes are described in ops/architecture/rooms.ts. -->',
    '  <title id="title">The rooms of Tributary and who imports whom</title>',
    `  <desc id="desc">${escape(described(arrows.rooms, arrows.floors))}</desc>`,
    `  <style>${STYLE}</style>`,
    `  <rect class="page" width="${layout.width}" height="${layout.height}" rx="12"/>`,
    ...floors.map((floor, index) => floorOf(floor, index, layout.floors.get(floor)!)),
    ...outermostFirst(arrows.floors, floors).map((arrow, lane) => floorArrow(arrow, lane, floors, layout)),
    ...ways.map((way) => wayOf(way, indexOf(way.arrow.from))),
    ...floors.flatMap((floor, index) => [
      ...[floor.roof, floor.ground].flatMap((line) =>
        line ? [lineOf(line, index, layout.lines.get(line)!, floor, arrows.lines.get(line)!)] : [],
      ),
      ...floor.rooms.map((room) => roomBox(layout.rooms.get(room.path)!, stores.get(room.path) ?? [], index)),
    ]),
    `  <text class="does soft" x="32" y="${layout.height - 16}">An arrow imports; each step in width is twice as many imports; a dashed one goes back up. ① to ⑥ is the way of a query.</text>`,
    '</svg>',
    '',
  ].join('\n');
}

const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const round = (value: number): string => `${Math.round(value * 10) / 10}`;

/** The folders in `drivers/` of each room that has them. */
function storesOf(files: readonly string[]): Map<string, string[]> {
  const stores = new Map<string, Set<string>>();
  for (const file of files) {
    const [, room, store] = /^([^/]+\/[^/]+)\/drivers\/([^/]+)\//.exec(file) ?? [];
    if (room !== undefined) stores.set(room, (stores.get(room) ?? new Set()).add(store!));
  }
  return new Map([...stores].map(([room, names]) => [room, [...names].sort()]));
}

function described(rooms: readonly Arrow[], floors: readonly Arrow[]): string {
  const targets = new Map<string, string[]>();
  for (const { from, to } of [...floors, ...rooms]) targets.set(from, [...(targets.get(from) ?? []), to]);
  return [...targets]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([from, to]) => `${from} imports ${to.sort().join(', ')}.`)
    .join(' ');
}

/** Doublings, not counts: a picture that changed with every import would be stale after every commit. */
const weight = (imports: number): number => 1.4 + 0.85 * Math.floor(Math.log2(imports));

function floorOf({ path, does }: Floor, index: number, box: Box): string {
  return `  <rect class="f${index}" x="${box.x}" y="${round(box.y)}" width="${box.width}" height="${round(box.height)}" rx="10"/>
  <text x="${box.x + 20}" y="${round(box.y + 26)}"><tspan class="floor c${index}">${path}/</tspan><tspan class="does soft" dx="10">${escape(does)}</tspan></text>`;
}

function roomBox(
  { room, x, y, width, height }: Box & { room: Floor['rooms'][number] },
  stores: readonly string[],
  index: number,
): string {
  const step =
    room.step === undefined
      ? ''
      : `<circle class="c${index}" cx="${round(x)}" cy="${round(y)}" r="10"/><text class="step" x="${round(x)}" y="${round(y + 4)}" text-anchor="middle">${room.step}</text>`;
  const middle = round(x + width / 2);
  const listed = stores
    .map(
      (store, i) =>
        `<text class="store c${index}" x="${middle}" y="${round(y + 56 + i * STORE_HEIGHT)}" text-anchor="middle">${store}</text>`,
    )
    .join('');
  return `  <rect class="box" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="7"/><text class="name" x="${middle}" y="${round(y + 21)}" text-anchor="middle">${room.path.split('/').at(-1)}</text><text class="does soft" x="${middle}" y="${round(y + 39)}" text-anchor="middle">${escape(room.does)}</text>${listed}${step}`;
}

function lineOf(line: Line, index: number, box: Box, floor: Floor, met: ReadonlySet<string>): string {
  const isRoof = line === floor.roof;
  const all = floor.rooms.length;
  const rooms = met.size >= all ? 'every room' : `${met.size} of the ${all} rooms`;
  const told = isRoof ? `imports ${rooms} below ↓` : `imported by ${rooms} above ↓`;
  const y = round(box.y + 22);
  return `  <rect class="box" x="${round(box.x)}" y="${round(box.y)}" width="${round(box.width)}" height="${box.height}" rx="7"/><text x="${round(box.x + 14)}" y="${y}"><tspan class="name">${escape(line.title)}</tspan><tspan class="does soft" dx="10">${escape(line.does)}</tspan></text><text class="does c${index}" x="${round(box.x + box.width - 14)}" y="${y}" text-anchor="end">${told}</text>`;
}

/** A path through points, upright at each; ends at the arrow's head. */
function curve(points: readonly Point[], straight: boolean): string {
  const [first, ...rest] = points;
  let [x, y] = first!;
  let path = `M${round(x)} ${round(y)}`;
  for (const [x1, y1] of rest) {
    const bend = (y1 - y) * 0.55;
    path +=
      straight || x === x1
        ? `L${round(x1)} ${round(y1)}`
        : `C${round(x)} ${round(y + bend)} ${round(x1)} ${round(y1 - bend)} ${round(x1)} ${round(y1)}`;
    [x, y] = [x1, y1];
  }
  return path;
}

function arrowHead([x, y]: Point, [dx, dy]: Point, width: number, index: number): string {
  const [half, length] = [3 + width * 0.8, 6 + width];
  const corners = [
    [x, y],
    [x - dx * length - dy * half, y - dy * length - dx * half],
    [x - dx * length + dy * half, y - dy * length + dx * half],
  ];
  return `<polygon class="c${index}" points="${corners.map(([px, py]) => `${round(px!)},${round(py!)}`).join(' ')}"/>`;
}

function drawn(d: string, arrow: Arrow, index: number, halo: string, upwards: boolean, head: string): string {
  const width = round(weight(arrow.imports));
  const dashes = upwards ? ' stroke-dasharray="5 3"' : '';
  return `  <g><title>${arrow.from} → ${arrow.to}</title><path class="halo ${halo}" stroke-width="${round(Number(width) + 4)}" d="${d}"/><path class="way s${index}" stroke-width="${width}"${dashes} d="${d}"/>${head}</g>`;
}

function wayOf({ arrow, points, level, angular = false, upwards }: Way, index: number): string {
  const [before, end] = [points.at(-2)!, points.at(-1)!];
  const width = weight(arrow.imports);
  const direction: Point = level ? [Math.sign(end[0] - before[0]), 0] : [0, upwards ? -1 : 1];
  const neck: Point = [end[0] - direction[0] * (5 + width), end[1] - direction[1] * (5 + width)];
  const d = curve([...points.slice(0, -1), neck], level || angular);
  return drawn(d, arrow, index, `h${index}`, upwards, arrowHead(end, direction, width, index));
}

/** The longest farthest out, so that they cross each other least. Neighbours are last, for they need no lane. */
function outermostFirst(arrows: readonly Arrow[], floors: readonly Floor[]): Arrow[] {
  const indexOf = (path: string): number => floors.findIndex((floor) => floor.path === path);
  const span = ({ from, to }: Arrow): number => indexOf(to) - indexOf(from);
  return [...arrows].sort((a, b) => span(b) - span(a) || indexOf(b.from) - indexOf(a.from));
}

/** Between neighbours straight down, else along the right side. */
function floorArrow(arrow: Arrow, lane: number, floors: readonly Floor[], layout: Layout): string {
  const index = floors.findIndex(({ path }) => path === arrow.from);
  const target = floors.findIndex(({ path }) => path === arrow.to);
  const [a, b] = [layout.floors.get(floors[index]!)!, layout.floors.get(floors[target]!)!];
  const width = weight(arrow.imports);
  if (target === index + 1) {
    const [x, y] = [a.x + a.width / 2, a.y + a.height];
    return drawn(
      `M${round(x)} ${round(y)}L${round(x)} ${round(b.y - 5 - width)}`,
      arrow,
      index,
      'h',
      false,
      arrowHead([x, b.y], [0, 1], width, index),
    );
  }
  const x = layout.width - 14 - lane * 17;
  const [y0, y1] = [a.y + a.height / 2 + lane * 14, b.y + b.height / 2 + (0.5 - index) * 20];
  const [left, right] = [round(a.x + a.width), round(b.x + b.width)];
  const d = `M${left} ${round(y0)}H${x - 8}Q${x} ${round(y0)} ${x} ${round(y0 + 8)}V${round(y1 - 8)}Q${x} ${round(y1)} ${x - 8} ${round(y1)}H${round(Number(right) + 5 + width)}`;
  return drawn(d, arrow, index, 'h', false, arrowHead([Number(right), y1], [-1, 0], width, index));
}
