/** How `npm start` is used. */
export const START_USAGE: string;
