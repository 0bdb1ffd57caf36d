/** What the process itself takes: processor, memory, and how late its one thread is. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';

/** @returns ends the watch */
export function watchProcess(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let before = performance.eventLoopUtilization();
  const began = Date.now() / 1_000 - process.uptime();
  const gauge = (name: string, description: string, unit: string) =>
    meter.createObservableGauge(name, { description, unit });
  const late = 'How late the event loop was, since this was read last';
  const median = gauge('nodejs.eventloop.delay.p50', `${late}: half of the time.`, 's');
  const nearlyMost = gauge('nodejs.eventloop.delay.p99', `${late}: 99 % of the time no later.`, 's');
  const most = gauge('nodejs.eventloop.delay.max', `${late}: at the most.`, 's');
  const used = gauge(
    'nodejs.eventloop.utilization',
    'The part of its time that the event loop was busy, since this was read last.',
    '1',
  );
  const memory = gauge('process.memory.usage', 'Resident memory.', 'By');
  const heap = gauge('v8js.memory.heap.used', 'Memory of JavaScript objects.', 'By');
  const external = gauge('nodejs.memory.external', 'Memory of buffers.', 'By');
  const start = gauge('process.start_time', 'When the process began, in seconds since 1970.', 's');
  const processor = meter.createObservableCounter('process.cpu.time', {
    description: 'Processor time, of user and of system.',
    unit: 's',
  });
  meter.addBatchObservableCallback(
    (result) => {
      // Before anything was measured it says 2 to the 63rd.
      if (delay.count > 0) {
        result.observe(median, delay.percentile(50) / 1e9);
        result.observe(nearlyMost, delay.percentile(99) / 1e9);
        result.observe(most, delay.max / 1e9);
      }
      delay.reset();
      const now = performance.eventLoopUtilization();
      result.observe(used, performance.eventLoopUtilization(now, before).utilization);
      before = now;
      const { rss, heapUsed, external: buffers } = process.memoryUsage();
      result.observe(memory, rss);
      result.observe(heap, heapUsed);
      result.observe(external, buffers);
      const { user, system } = process.cpuUsage();
      result.observe(processor, user / 1e6, { 'cpu.mode': 'user' });
      result.observe(processor, system / 1e6, { 'cpu.mode': 'system' });
      result.observe(start, began);
    },
    [median, nearlyMost, most, used, memory, heap, external, processor, start],
  );
  return () => delay.disable();
}
