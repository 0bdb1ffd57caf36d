/** What runs leave behind. */
import { badUserInput } from '#subgraphs/shared/errors.ts';
import { insteadUse, renamed } from '#subgraphs/shared/renamed.ts';
import { RELATIONAL } from '../bounds.ts';
import type { ArtifactRow } from '../driver.ts';
import { checkMediaType, checkName, checkText } from '../input.ts';
import {
  belongingType,
  checkRun,
  entityType,
  listField,
  rootItem,
  rootList,
  type ObjectFields,
  type SchemaParts,
} from './entity.ts';
import { addMutation } from './mutation.ts';

export function addArtifacts(parts: SchemaParts): void {
  const { builder, types, stubs, driver } = parts;
  entityType(
    parts,
    'Artifact',
    'Something that a run made and that stays, such as a report. Artifacts do not change.',
    ['id', 'path', 'mediaType', 'createdAt'],
    (t) => ({
      run: t.field({
        type: stubs.Run,
        directives: { leads: { by: 'runId' } },
        description: 'The run that made it.',
        resolve: ({ runId }) => ({ id: runId }),
      }),
      file: t.field({
        type: stubs.StoredObject,
        directives: { leads: { by: 'fileKey' } },
        description: 'Its bytes in the object store; null when it has none.',
        resolve: ({ fileKey }) => (fileKey === null ? null : { key: fileKey }),
      }),
    }),
  );
  rootItem(parts, 'Artifact', 'artifact', 'artifact');
  rootList(parts, 'Artifact', 'artifacts');
  const ofRun = belongingType(parts, 'Artifact', 'RunArtifact', 'artifacts of a run');
  builder.objectField(stubs.Run, 'artifacts', (t) =>
    listField(t as ObjectFields<{ id: string }>, parts, 'Artifact', 'runId', ofRun, {
      description: 'What it made that stays.',
      back: 'run',
      keyOf: ({ id }) => id,
    }),
  );
  const ofFile = belongingType(parts, 'Artifact', 'StoredObjectArtifact', 'artifacts of a file');
  builder.objectField(stubs.StoredObject, 'artifacts', (t) =>
    listField(t as ObjectFields<{ key: string }>, parts, 'Artifact', 'fileKey', ofFile, {
      description: 'The artifacts whose bytes it is.',
      back: 'file',
      keyOf: ({ key }) => key,
    }),
  );

  addMutation<
    { runId: string; path: string; mediaType?: string | null; contentType?: string | null; fileKey?: string | null },
    { artifact: ArtifactRow }
  >(parts, 'createArtifact', {
    takes: 'artifacts:write',
    description:
      'Records that a run of the tenant made something. Upload its bytes first (`requestUpload`, `putObject`) and name them by `fileKey`. The same artifact ' +
      'again is answered as it is; another one at the same path of the run is a `CONFLICT`.',
    input: 'The artifact to record.',
    inputFields: (t) => ({
      runId: t.id({ required: true, description: 'The run that made it.' }),
      path: t.string({
        required: true,
        description: 'Its name within the run, such as `report/summary.md`: 1 to 512 characters.',
      }),
      mediaType: t.string({ description: 'Its media type, such as `text/markdown`. Required.' }),
      contentType: t.string({ ...insteadUse('mediaType'), description: 'Its media type.' }),
      fileKey: t.string({ description: 'The key of its bytes in the object store.' }),
    }),
    payload: 'The artifact that was recorded.',
    payloadFields: (t) => ({
      artifact: t.field({
        nullable: false,
        type: types.Artifact,
        description: 'The artifact.',
        resolve: (payload) => payload.artifact,
      }),
    }),
    run: async ({ runId, path, fileKey, ...type }, context) => {
      await checkRun(parts, context, runId);
      const artifact = await driver().createArtifact(context, {
        runId,
        path: checkName('path', path),
        mediaType: checkMediaType('mediaType', renamed(type, 'mediaType', 'contentType')),
        fileKey: fileKey == null ? null : checkKey(fileKey),
      });
      return { artifact };
    },
  });
}

/** A key as the object store accepts it: relative, without `.` and `..`, at most 1,024 bytes. */
function checkKey(key: string): string {
  checkText('fileKey', key, { max: RELATIONAL.fileKeyBytes });
  const whole = Buffer.byteLength(key) <= RELATIONAL.fileKeyBytes && !/[\p{Cc}\\]/u.test(key);
  if (!whole || key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw badUserInput('`fileKey` is not a key of the object store.', {
      hint: 'Use segments joined by "/", such as "reports/today.md".',
    });
  }
  return key;
}
