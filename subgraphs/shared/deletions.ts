/** What every deletion answers with besides what it was. */

/** Of the field `deletedIds`. */
export const DELETED_IDS = {
  nullable: { list: false, items: false },
  description: 'The ids of what was there and is deleted now.',
} as const;
