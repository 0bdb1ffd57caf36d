/** `npm run picture [-- --check]`: draws docs/architecture.svg, the rooms and who imports whom, from the imports. */
import { parseArgs } from 'node:util';
import { importsOf, sourceFiles } from './architecture/imports.ts';
import { picture } from './architecture/picture.ts';
import { FLOORS } from './architecture/rooms.ts';
import { reportPrintedFiles, writePrintedFiles, type PrintedFile } from './printed-file.ts';

/** The picture as it should be. */
export function drawnPicture(): PrintedFile {
  const files = sourceFiles(['ops', 'gateway', 'subgraphs']);
  return {
    url: new URL('../docs/architecture.svg', import.meta.url),
    text: picture(files.flatMap(importsOf), files, FLOORS),
  };
}

if (import.meta.url === new URL(process.argv[1] ?? '', 'file://').href) {
  const check = parseArgs({ options: { check: { type: 'boolean' } } }).values.check === true;
  reportPrintedFiles(await writePrintedFiles([drawnPicture()], { check }), { check, command: 'npm run picture' });
}
