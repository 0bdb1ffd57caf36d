/** What a thread does for in-thread.ts. */
import { chunkText } from './chunking.ts';
import type { ChunkingTask } from './in-thread.ts';

export default ({ text, mediaType }: ChunkingTask): string[] => chunkText(text, mediaType);
