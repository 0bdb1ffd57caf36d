/** The object store where none is configured: every call says so. */
import { storeDisabled } from '#subgraphs/shared/errors.ts';
import type { ObjectDriver, ObjectSigner } from '../driver.ts';

const refuse = (): Promise<never> => Promise.reject(storeDisabled('The object store', 'S3_ENDPOINT'));

/** @returns a driver, with a signer, that raises `STORE_DISABLED` for everything */
export function createDisabledDriver(): ObjectDriver & { signer: ObjectSigner } {
  return {
    store: 'objects',
    signer: { signDownload: refuse, signUpload: refuse },
    stat: refuse,
    list: refuse,
    count: refuse,
    readStart: refuse,
    open: refuse,
    put: refuse,
    delete: refuse,
    spend: refuse,
    restore: refuse,
    health: () => Promise.resolve({ store: 'objects', state: 'disabled', detail: 'Set S3_ENDPOINT.' }),
    close: () => Promise.resolve(),
  };
}
