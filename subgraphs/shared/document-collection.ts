/** The collection of documents whose writer names none. */
export const DEFAULT_COLLECTION = 'default';
