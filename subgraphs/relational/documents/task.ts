/** What a thread does for in-thread.ts. */
import { chunkText } from './chunking.ts';
import type { ChunkingTask } from './in-thread.ts';

export default (task: ChunkingTask): string[] => chunkText(task.text, task.mediaType, task);
