// Loaded into the server under test before anything else (`node --import`); the product knows nothing of it. It measures
// how long the event loop is kept from its timers, and tells it on a loopback port of its own.
//
// A stretch is measured by the processor time of the main thread, which a busy machine does not lengthen: a timer of
// 10 ms notes how much the thread has worked since the last time it fired. If it fires late, that is the length of the
// one round that kept it, plus 10 ms at the most. Where the kernel does not tell (no /proc), the clock on the wall is
// taken, as by `perf_hooks.monitorEventLoopDelay`, whose figure is told in any case.
import { openSync, readSync } from 'node:fs';
import { createServer } from 'node:net';
import { createHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const EVERY_MS = 10;
/** Stretches that are told one by one. */
const LONG_MS = 50;
const TOLD = 200;

// Worker threads and planning processes inherit the flag; only the server itself is measured.
if (isMainThread && process.env.FUZZ_PROBE !== undefined) start();

function start() {
  delete process.env.FUZZ_PROBE;
  const prototype = Reflect.ownKeys(Object.prototype).length;
  const thread = threadClock();
  const wall = monitorEventLoopDelay({ resolution: EVERY_MS });
  wall.enable();
  let worked = createHistogram();
  let long = [];
  let peakHeap = 0;
  let peakMemory = 0;
  let last = thread();
  let beats = 0;
  const beat = () => {
    const now = thread();
    const delay = Math.max(0, now - last - EVERY_MS);
    last = now;
    worked.record(Math.max(1, Math.round(delay * 1_000)));
    if (delay > LONG_MS && long.length < TOLD) long.push({ at: Date.now(), ms: Math.round(delay) });
    if (delay > LONG_MS || beats++ % 5 === 0) {
      const { heapUsed, rss } = process.memoryUsage();
      peakHeap = Math.max(peakHeap, heapUsed);
      peakMemory = Math.max(peakMemory, rss);
    }
  };
  setInterval(beat, EVERY_MS).unref();

  const tell = () => ({
    delayMs: of(worked, 1_000),
    wallDelayMs: of(wall, 1_000_000),
    clock: thread.kind,
    long,
    cpuMs: process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000,
    threadMs: thread(),
    heap: process.memoryUsage().heapUsed,
    memory: process.memoryUsage().rss,
    peakHeap,
    peakMemory,
    prototypeGrew: Reflect.ownKeys(Object.prototype).length - prototype,
  });
  const reset = () => {
    worked = createHistogram();
    wall.reset();
    long = [];
    peakHeap = process.memoryUsage().heapUsed;
    peakMemory = process.memoryUsage().rss;
    last = thread();
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const command = String(data).trim();
      if (command.includes('collect')) globalThis.gc?.();
      const told = tell();
      if (command.includes('reset')) reset();
      socket.end(JSON.stringify(told));
    });
  });
  server.listen(0, '127.0.0.1', () => process.stderr.write(`fuzz-probe: ${server.address().port}\n`));
  server.unref();
}

const of = (histogram, unit) => ({
  samples: histogram.count,
  p50: histogram.percentile(50) / unit,
  p99: histogram.percentile(99) / unit,
  p999: histogram.percentile(99.9) / unit,
  max: histogram.max / unit,
});

/** Processor time of the main thread, in milliseconds, from Linux' scheduler; else the clock on the wall. */
function threadClock() {
  try {
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    const buffer = Buffer.alloc(128);
    const clock = () => Number(buffer.toString('latin1', 0, readSync(file, buffer, 0, 128, 0)).split(' ')[0]) / 1e6;
    const before = clock();
    for (let until = performance.now() + 30; performance.now() < until;);
    if (clock() > before) return Object.assign(clock, { kind: 'processor time of the thread' });
  } catch {
    // Not Linux: what is measured then is told.
  }
  return Object.assign(() => performance.now(), { kind: 'wall clock' });
}
