/** Restic, which keeps backups elsewhere. */
import { RESTIC } from '#tests/stores/provision/versions.ts';
import { ofDebian } from './of-debian.ts';

export const restic = ofDebian({
  name: 'restic',
  title: 'Restic',
  ...RESTIC,
  ask: 'version',
  packages: ['restic'],
  folder: 'usr/bin',
  suites: ['tests/stacks/restic/restic.test.ts'],
});
